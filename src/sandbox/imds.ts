import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Clock, Instant } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';

/**
 * What the metadata service of one machine tells; a view, so that the owner of the machine can
 * change it.
 */
export interface MachineView {
  readonly instance: string;
  readonly region: string;
  readonly zone: string;
  readonly type: string;
  readonly image: string;
  readonly market: 'spot' | 'on-demand';
  readonly userData: string;
  /** Of the instance identity role, as AWS writes them. */
  readonly identity: {
    readonly AccessKeyId: string;
    readonly SecretAccessKey: string;
    readonly Token: string;
  };
}

export interface SandboxImds {
  readonly url: string;
  /** EC2's word that it takes the machine back at that time; undefined takes the word back. */
  setNotice(notice: { readonly action: string; readonly time: string } | undefined): void;
  setRebalance(noticeTime: string): void;
  close(): Promise<void>;
}

const LONGEST_TOKEN_S = 21_600;
const ROLE = 'meta-data/identity-credentials/ec2/security-credentials';

/**
 * The instance metadata service of one machine on a loopback port: version 2 only, as our launches
 * require it.
 */
export async function createImds(
  deps: { readonly clock: Clock; readonly random: Random },
  machine: MachineView,
): Promise<SandboxImds> {
  const tokens = new Map<string, Instant>();
  const notices = new Map<string, string>();

  function answer(request: IncomingMessage): [status: number, text: string] {
    const path = (request.url ?? '').replace(/^\/latest\//, '').replace(/\/$/, '');
    if (path === 'api/token') return issueToken(request);
    const until = tokens.get(String(request.headers['x-aws-ec2-metadata-token'])) ?? 0;
    if (until <= deps.clock.now()) return [401, ''];
    const text = notices.get(path) ?? facts(machine)[path];
    return text === undefined ? [404, ''] : [200, text];
  }

  function issueToken(request: IncomingMessage): [number, string] {
    const lifeS = Number(request.headers['x-aws-ec2-metadata-token-ttl-seconds']);
    const isGood = request.method === 'PUT' && lifeS >= 1 && lifeS <= LONGEST_TOKEN_S;
    // A request that came through a proxy gets no token: the service answers its own machine alone.
    if (!isGood || request.headers['x-forwarded-for']) return [400, ''];
    const token = deps.random.hex(20);
    tokens.set(token, deps.clock.now() + lifeS * 1000);
    return [200, token];
  }

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const [status, text] = answer(request);
    response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    setNotice(notice) {
      if (!notice) return void notices.clear();
      notices.set('meta-data/spot/instance-action', JSON.stringify(notice));
      notices.set('meta-data/spot/termination-time', notice.time);
    },
    setRebalance: (noticeTime) =>
      void notices.set(
        'meta-data/events/recommendations/rebalance',
        JSON.stringify({ noticeTime }),
      ),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const facts = (machine: MachineView): Readonly<Record<string, string>> => ({
  'user-data': machine.userData,
  'meta-data/instance-id': machine.instance,
  'meta-data/instance-type': machine.type,
  'meta-data/instance-life-cycle': machine.market,
  'meta-data/ami-id': machine.image,
  'meta-data/placement/region': machine.region,
  'meta-data/placement/availability-zone': machine.zone,
  'meta-data/services/domain': 'amazonaws.com',
  'meta-data/services/partition': 'aws',
  [ROLE]: 'ec2-instance',
  [`${ROLE}/ec2-instance`]: JSON.stringify({ Code: 'Success', ...machine.identity }),
});
