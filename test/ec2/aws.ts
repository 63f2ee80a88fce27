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

/** A call of a service that speaks JSON, and the region that its signature is for. */
export interface JsonCall {
  readonly target: string;
  readonly body: string;
  readonly region: string;
}

export interface FakeAws {
  readonly ec2: Ec2;
  readonly url: string;
  /** The forms of all calls of this test, in order. */
  readonly forms: URLSearchParams[];
  answer: (form: URLSearchParams) => Answer;
  answerJson: (call: JsonCall) => Answer;
}

/** A server for the tests of one file. */
export function useAws(): FakeAws {
  let ec2: Ec2 | undefined;
  let url = '';
  const fake: FakeAws = {
    get ec2() {
      if (!ec2) throw new Error('not started');
      return ec2;
    },
    get url() {
      return url;
    },
    forms: [],
    answer: () => 'lost',
    answerJson: () => 'lost',
  };
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const target = request.headers['x-amz-target'];
    if (typeof target === 'string') {
      const region = request.headers.authorization?.split('/')[2] ?? '';
      return send(response, fake.answerJson({ target, body, region }));
    }
    const form = new URLSearchParams(body);
    fake.forms.push(form);
    send(response, fake.answer(form));
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    url = `http://127.0.0.1:${port}`;
    ec2 = createEc2At(url);
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

export const createEc2At = (endpoint: string, region = 'us-east-1'): Ec2 =>
  createEc2({
    region,
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
