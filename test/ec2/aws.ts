import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { createEc2 } from '../../src/ec2/ec2.ts';
import type { Ec2 } from '../../src/ec2/port.ts';
import { silentLog } from '../../src/lib/log.ts';

// EC2's answers as they go over the wire, to the real SDK.

/** A form's answer; `lost`: the connection breaks instead. */
type Answer = readonly [status: number, body: string] | 'lost';

export interface FakeAws {
  readonly ec2: Ec2;
  /** The forms of all calls of this test, in order. */
  readonly forms: URLSearchParams[];
  answer: (form: URLSearchParams) => Answer;
}

/** A server for the tests of one file. */
export function useAws(): FakeAws {
  let ec2: Ec2 | undefined;
  const fake: FakeAws = {
    get ec2() {
      if (!ec2) throw new Error('not started');
      return ec2;
    },
    forms: [],
    answer: () => 'lost',
  };
  const server = createServer(async (request, response) => {
    const form = new URLSearchParams(await text(request));
    fake.forms.push(form);
    send(response, fake.answer(form));
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    ec2 = createEc2At(`http://127.0.0.1:${port}`);
  });
  beforeEach(() => {
    fake.forms.length = 0;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return fake;
}

export const createEc2At = (endpoint: string): Ec2 =>
  createEc2({
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' },
    endpoint,
    log: silentLog,
  });

function send(response: ServerResponse, answer: Answer): void {
  if (answer === 'lost') {
    response.destroy();
    return;
  }
  const [status, body] = answer;
  response.writeHead(status, { 'content-type': 'text/xml;charset=UTF-8' }).end(body);
}

export const errorBody = (code: string, message = `about ${code}`): string =>
  `<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>${code}</Code>` +
  `<Message>${message}</Message></Error></Errors><RequestID>r-1</RequestID></Response>`;

export const answerBody = (action: string, inner: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>` +
  `<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">${inner}</${action}Response>`;
