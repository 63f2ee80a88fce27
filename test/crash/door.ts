import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { type Loopback, listen } from '../../src/sandbox/loopback.ts';
import type { Chance } from './chance.ts';

// A door between the app and somebody outside. What goes through may be lost on the way there or back,
// be late or come twice; and each passage is a moment at which the app may be killed.

export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface DoorDeps {
  readonly nameOf: (exchange: Exchange) => string;
  readonly answer: (exchange: Exchange) => Promise<Reply>;
  readonly chance: Chance;
  readonly port?: number;
}

export function openDoor({ nameOf, answer, chance, port = 0 }: DoorDeps): Promise<Loopback> {
  /** undefined: the caller hears nothing. */
  async function pass(exchange: Exchange): Promise<Reply | undefined> {
    const name = nameOf(exchange);
    const fault = chance.faultOf(name);
    if (fault === 'late') await chance.delay(name);
    const isDead = chance.reach(name, 'arrival');
    if (fault === 'lost-request' || (isDead && chance.isLostInDeath(name))) return undefined;
    const reply = await answer(exchange);
    if (fault === 'doubled') await answer(exchange);
    chance.reach(name, 'answer');
    return fault === 'lost-answer' ? undefined : reply;
  }

  const server = createServer((request, response) => {
    void read(request)
      .then(pass)
      .then((reply) => {
        if (reply === undefined) return void response.destroy();
        const { status, headers, body } = reply;
        response.writeHead(status, { ...headers, 'content-length': body.length }).end(body);
      })
      .catch(() => response.destroy());
  });
  return listen(server, port);
}

async function read(request: IncomingMessage): Promise<Exchange> {
  const body = await buffer(request);
  const { method = 'GET', url = '/' } = request;
  return { method, path: url, headers: textsOf(request.headers), body };
}

const textsOf = (headers: IncomingHttpHeaders): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));

/** Sends what came through a door on to the server behind it. */
export async function forward(url: string, exchange: Exchange): Promise<Reply> {
  const { method, path, headers, body } = exchange;
  const kept = Object.entries(headers).filter(([name]) => !OF_THE_CONNECTION.has(name));
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: kept.map(([name, value]): [string, string] => [name, value]),
    redirect: 'manual',
    ...(method === 'GET' || method === 'HEAD' ? {} : { body: new Uint8Array(body) }),
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const given = [...answer.headers].filter(([name]) => !OF_THE_CONNECTION.has(name));
  return { status: answer.status, headers: Object.fromEntries(given), body: bytes };
}

const OF_THE_CONNECTION = new Set([
  ...['host', 'connection', 'keep-alive', 'content-length', 'transfer-encoding', 'expect'],
  ...['content-encoding', 'accept-encoding', 'date'],
]);
