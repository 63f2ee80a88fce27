import { createServer, type IncomingMessage } from 'node:http';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { serveAws } from '../../src/sandbox/aws-http.ts';
import { createEc2 } from '../../src/sandbox/ec2.ts';
import { createKernel } from '../../src/sandbox/kernel.ts';
import { portOf } from './child.ts';

/** A RunInstances as it came: when its last byte was here, by the clock of this process. */
export interface Arrival {
  readonly at: number;
  readonly bytes: number;
}

export interface AwsStub {
  readonly url: string;
  /** The next RunInstances from now on. */
  arrival(): Promise<Arrival>;
}

const OWNER = '123456789012';

const runInstancesAnswer = (id: string): string =>
  `<RunInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
<requestId>0</requestId><reservationId>r-1</reservationId><ownerId>${OWNER}</ownerId>
<instancesSet><item><instanceId>${id}</instanceId></item></instancesSet>
</RunInstancesResponse>`;

async function bodyOf(req: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part);
  return Buffer.concat(parts);
}

/** Answers RunInstances at once, and all else as the sandbox does: it is asked while caches warm. */
export async function serveAwsStub(): Promise<AwsStub> {
  const kernel = createKernel({ seed: 1, startAt: clock.now() });
  const sandbox = await serveAws({ kernel, model: createEc2(kernel), clock });
  kernel.pump(clock, { speed: 1 });
  let launched = 0;
  let tell = (_: Arrival) => {};
  const server = createServer(async (req, res) => {
    const body = await bodyOf(req);
    if (body.includes('Action=RunInstances')) {
      tell({ at: performance.now(), bytes: body.length });
      launched += 1;
      res.writeHead(200, { 'content-type': 'text/xml' });
      res.end(runInstancesAnswer(`i-${launched.toString(16).padStart(17, '0')}`));
      return;
    }
    const headers = new Headers();
    for (const name of ['authorization', 'content-type', 'x-amz-target', 'x-amz-date']) {
      const value = req.headers[name];
      if (typeof value === 'string') headers.set(name, value);
    }
    const answer = await fetch(sandbox.url, { method: 'POST', headers, body });
    res.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    res.end(await answer.text());
  });
  const url = `http://127.0.0.1:${await portOf(server)}`;
  return {
    url,
    arrival: () =>
      new Promise((resolve) => {
        tell = resolve;
      }),
  };
}
