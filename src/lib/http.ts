import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Unavailable } from './assert.ts';

/** What a handler sees of a request; the body is read when asked for, and never past its bound. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The other end of the connection: who asks, or the proxy before us. */
  readonly address: string;
  /** `too-large` before a byte of it is kept, where the length is announced. */
  body(limitBytes: number): Promise<Buffer | Unread>;
}

/** Why there is no body; `no-room`: too much arrives at once. */
export type Unread = 'too-large' | 'broken' | 'no-room';

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when text or bytes, else as JSON. */
  readonly body?: string | Buffer | object;
}

export type Handler = (request: Request) => Promise<Answer>;
/** `GET /path`; a path that ends in `/*` serves all below it. */
export type Routes = Readonly<Record<string, Handler>>;

/** The one shape of errors of our JSON faces. */
export const failure = (status: number, code: string, message: string): Answer => ({
  status,
  body: { error: { code, message } },
});

/** Nobody is known before their body is here: strangers may fill this much of our memory, not all of it. */
const ROOM_BYTES = 64 * 1024 * 1024;
/** What keeping one part costs besides its bytes: there may be one for each byte. */
const PART_BYTES = 256;
/** A body that nobody asks for is let in up to this length, and dropped. */
const DROPPED_BYTES = 64 * 1024;

/** What all bodies that are still arriving may take between them. */
interface Room {
  leftBytes: number;
}

const announcedBytes = (req: IncomingMessage): number => Number(req.headers['content-length']);

function readBody(req: IncomingMessage, limit: number, room: Room): Promise<Buffer | Unread> {
  if (announcedBytes(req) > limit) return Promise.resolve('too-large');
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let size = 0;
    let taken = 0;
    const keep = (part: Buffer): void => {
      parts.push(part);
      size += part.length;
      taken += part.length + PART_BYTES;
      room.leftBytes -= part.length + PART_BYTES;
      if (size > limit) end('too-large');
      else if (room.leftBytes < 0) end('no-room');
    };
    const end = (body: Buffer | Unread): void => {
      req.off('data', keep);
      room.leftBytes += taken;
      taken = 0;
      parts.length = 0;
      resolve(body);
    };
    req.on('data', keep);
    req.on('end', () => end(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)));
    req.on('error', () => end('broken'));
    req.on('close', () => end('broken'));
  });
}

function send(res: ServerResponse, answer: Answer): void {
  const { body } = answer;
  const isRaw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
  const bytes = isRaw ? (body ?? '') : JSON.stringify(body);
  const type = isRaw ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8';
  res.writeHead(answer.status, {
    'content-type': type,
    'content-length': Buffer.byteLength(bytes),
    ...answer.headers,
  });
  res.end(bytes);
}

/** Who is still sending when the socket is closed may never see the answer: a short body is waited for. */
async function sendEarly(req: IncomingMessage, res: ServerResponse, answer: Answer): Promise<void> {
  if (!req.destroyed && announcedBytes(req) <= DROPPED_BYTES) {
    await new Promise((resolve) => req.once('end', resolve).once('close', resolve).resume());
  }
  // A body that was not read to its end would otherwise be taken for the next request.
  if (!req.complete) res.shouldKeepAlive = false;
  send(res, answer);
}

/**
 * Finds by the whole path, else by the longest of the few beginnings. Never by the parts of the path:
 * whoever asks chooses how many those are.
 */
function createFind(routes: Routes): (method: string, path: string) => Handler | undefined {
  const beginnings = Object.entries(routes)
    .filter(([route]) => route.endsWith('/*'))
    .map(([route, handler]) => ({ start: route.slice(0, -1), handler }))
    .sort((a, b) => b.start.length - a.start.length);
  return (method, path) => {
    const asked = `${method} ${path}`;
    return routes[asked] ?? beginnings.find(({ start }) => asked.startsWith(start))?.handler;
  };
}

/** Callers who may come again are told so; who keeps what is unavailable says why in the log. */
function answerTo(error: unknown): Answer {
  if (!(error instanceof Unavailable)) {
    return failure(500, 'bug', 'this is a bug of the app; its log has the details');
  }
  const answer = failure(503, 'unavailable', 'the app cannot write this down now: send it again');
  return { ...answer, headers: { 'retry-after': '10' } };
}

/** A node:http listener for the routes; what a handler throws is told to `onError`, answered 5xx. */
export function serveRoutes(routes: Routes, onError: (error: unknown, path: string) => void) {
  const find = createFind(routes);
  const room: Room = { leftBytes: ROOM_BYTES };
  return (req: IncomingMessage, res: ServerResponse): void => {
    const [path = '/', query = ''] = (req.url ?? '/').split('?');
    const method = req.method ?? 'GET';
    const handler = find(method === 'HEAD' ? 'GET' : method, path);
    const request: Request = {
      method,
      path,
      query: new URLSearchParams(query),
      headers: req.headers,
      address: req.socket.remoteAddress ?? '',
      body: (limit) => readBody(req, limit, room),
    };
    const work = handler
      ? handler(request)
      : Promise.resolve(failure(404, 'not-found', `nothing is served at ${method} ${path}`));
    void work
      .catch((error: unknown) => {
        onError(error, path);
        return answerTo(error);
      })
      .then((answer) => (req.complete ? send(res, answer) : sendEarly(req, res, answer)));
  };
}

export const noRoom: Answer = {
  ...failure(503, 'no-room', 'too much is being sent at once: send it again'),
  headers: { 'retry-after': '10' },
};

/** A JSON object from a body, or the answer that refuses it; `refused` counts that, by its code. */
export async function jsonObject(
  request: Request,
  limitBytes: number,
  refused: (why: string) => void,
): Promise<
  { readonly ok: true; readonly value: object } | { readonly ok: false; readonly answer: Answer }
> {
  const no = (status: number, code: string, message: string) => {
    refused(code);
    return { ok: false, answer: failure(status, code, message) } as const;
  };
  if (!(request.headers['content-type'] ?? '').startsWith('application/json')) {
    return no(415, 'content-type', 'the body must be application/json');
  }
  const bytes = await request.body(limitBytes);
  if (bytes === 'too-large') return no(413, 'too-large', `at most ${limitBytes} bytes are read`);
  if (bytes === 'broken') return no(400, 'broken', 'the body ended early');
  if (bytes === 'no-room') {
    refused(bytes);
    return { ok: false, answer: noRoom };
  }
  const value = parseObject(bytes);
  return value ? { ok: true, value } : no(400, 'shape', 'the body must be a JSON object');
}

/** undefined when it is not JSON, or no object. */
export function parseObject(bytes: Buffer): object | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
