import { createServer, type IncomingMessage } from 'node:http';
import { portOf } from './child.ts';

/** What came in front of a sandbox's AWS since `forget`: how many calls, and the first end of machines. */
export interface AwsFront {
  readonly url: string;
  readonly calls: readonly string[];
  /** The next TerminateInstances: when its last byte was here, and how many machines it names. */
  terminated(): Promise<{ readonly at: number; readonly machines: number }>;
  forget(): void;
}

async function bodyOf(req: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part);
  return Buffer.concat(parts);
}

const SENT_ON = ['authorization', 'content-type', 'x-amz-target', 'x-amz-date'];

/** Sends every call on to the AWS behind it, and notes it when its last byte is here. */
export async function serveAwsFront(behind: string): Promise<AwsFront> {
  let calls: string[] = [];
  let tell = (_: { readonly at: number; readonly machines: number }) => {};
  const server = createServer(async (req, res) => {
    const body = await bodyOf(req);
    const at = performance.now();
    const form = body.toString();
    const name = /(?:^|&)Action=(\w+)/.exec(form)?.[1] ?? String(req.headers['x-amz-target']);
    calls.push(name);
    if (name === 'TerminateInstances') {
      tell({ at, machines: form.match(/InstanceId\.\d+=/g)?.length ?? 0 });
    }
    const headers = new Headers();
    for (const name of SENT_ON) {
      const value = req.headers[name];
      if (typeof value === 'string') headers.set(name, value);
    }
    const answer = await fetch(behind, { method: 'POST', headers, body });
    res.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    res.end(await answer.text());
  });
  const url = `http://127.0.0.1:${await portOf(server)}`;
  return {
    url,
    get calls() {
      return calls;
    },
    terminated: () =>
      new Promise((resolve) => {
        tell = resolve;
      }),
    forget() {
      calls = [];
    },
  };
}
