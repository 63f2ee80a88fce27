import { type Form, formsOf, listOf, parseForm, tagsOf } from '../../src/sandbox/aws-form.ts';
import { callerArn, parseAuthorization, signerOf } from '../../src/sandbox/aws-identity.ts';
import { element } from '../../src/sandbox/aws-xml.ts';
import type { Ec2Instance } from '../../src/sandbox/ec2-instance.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import { type Exchange, forward, type Reply } from './door.ts';
import type { Instances, Launched } from './instances.ts';

// What moto lacks of AWS, put in front of it: client tokens, pending and shutting-down, reasons of an
// end, spot prices, Canonical's image parameters, and an STS that knows the machines.

export interface AwsDeps {
  readonly kernel: Kernel;
  readonly instances: Instances;
  readonly motoUrl: string;
}

export interface Aws {
  answer(exchange: Exchange): Promise<Reply>;
  /** The machine's own power-off. */
  powerOff(id: string): Promise<void>;
  /** Ids of what moto itself calls pending or running. */
  living(): Promise<readonly string[]>;
}

/** moto's own; it is in every answer. */
const ACCOUNT = '123456789012';
const REGION = 'eu-west-1';
/** EC2 forgets the terminated after an hour; moto never does, and its listings grow slow with them. */
const FORGET_AFTER_MS = 15_000;
const POWER_OFF_TRIES = 5;
const XMLNS = ' xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"';
const STS_XMLNS = ' xmlns="https://sts.amazonaws.com/doc/2011-06-15/"';

const xml = (status: number, text: string): Reply => ({
  status,
  headers: { 'content-type': 'text/xml;charset=UTF-8' },
  body: Buffer.from(text),
});

const refusal = (code: string, message: string): Reply =>
  xml(400, element('Response', { Errors: { Error: { Code: code, Message: message } } }));

export function createAws(deps: AwsDeps): Aws {
  const { instances, kernel } = deps;
  const toMoto = (exchange: Exchange) => forward(deps.motoUrl, exchange);
  const launch = createLaunch(deps, toMoto);

  async function endAtMoto(exchange: Exchange, ids: readonly string[], code: EndCodes) {
    const reply = await toMoto(exchange);
    if (reply.status === 200) {
      await kernel.visit('end', () => instances.end(ids, code));
      kernel.at(FORGET_AFTER_MS, 'forget', () => void toMoto(withoutTags(ids)).catch(() => {}));
    }
    return reply;
  }

  const actions: Readonly<Record<string, (exchange: Exchange, form: Form) => Promise<Reply>>> = {
    RunInstances: launch,
    TerminateInstances: (exchange, form) =>
      endAtMoto(exchange, listOf(form, 'InstanceId'), 'Client.UserInitiatedShutdown'),
    DescribeInstances: async (exchange) => {
      const reply = await toMoto(exchange);
      return { ...reply, body: Buffer.from(overlay(instances.all, reply.body.toString())) };
    },
    DescribeSpotPriceHistory: async (_, form) => xml(200, prices(form)),
    GetCallerIdentity: async (exchange) => caller(instances.all, exchange) ?? toMoto(exchange),
  };

  return {
    async answer(exchange) {
      if (exchange.headers['x-amz-target'] !== undefined) return toMoto(withAmazonsImage(exchange));
      const form = parseForm(exchange.body.toString());
      const action = actions[form.get('Action') ?? ''];
      return action ? action(exchange, form) : toMoto(exchange);
    },
    async powerOff(id) {
      const off = ownCall(`Action=TerminateInstances&Version=2016-11-15&InstanceId.1=${id}`);
      for (let tries = 0; tries < POWER_OFF_TRIES; tries += 1) {
        const reply = await endAtMoto(off, [id], 'Client.InstanceInitiatedShutdown');
        if (reply.status === 200) return;
      }
      throw new Error(`moto does not end ${id}`);
    },
    async living() {
      const filter = 'Filter.1.Name=instance-state-name&Filter.1.Value.1=pending';
      const what = `Action=DescribeInstances&Version=2016-11-15&${filter}&Filter.1.Value.2=running`;
      const { body } = await toMoto(ownCall(what));
      return [...body.toString().matchAll(/<instanceId>(i-[0-9a-f]+)</g)].map(([, id = '']) => id);
    },
  };
}

type EndCodes = 'Client.UserInitiatedShutdown' | 'Client.InstanceInitiatedShutdown';
type Forward = (exchange: Exchange) => Promise<Reply>;

/** moto reads the region from the signature, and checks none. */
const ownCall = (body: string): Exchange => ({
  method: 'POST',
  path: '/',
  headers: {
    'content-type': 'application/x-www-form-urlencoded',
    authorization:
      `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/${REGION}/ec2/aws4_request, ` +
      `SignedHeaders=host, Signature=${'0'.repeat(64)}`,
  },
  body: Buffer.from(body),
});

const withoutTags = (ids: readonly string[]): Exchange =>
  ownCall(
    `Action=DeleteTags&Version=2016-11-15&${ids.map((id, i) => `ResourceId.${i + 1}=${id}`).join('&')}`,
  );

/** One token in one zone is one launch: the same bytes get the same answer, others a refusal. */
function createLaunch({ kernel, instances }: AwsDeps, toMoto: Forward) {
  const known = new Map<string, { readonly bytes: string; readonly reply: Promise<Reply> }>();

  async function run(exchange: Exchange, form: Form): Promise<Reply> {
    // moto makes as many as the least that is asked for; EC2 as many as there is room for.
    const count = form.get('MaxCount') ?? '1';
    const text = exchange.body.toString().replace(/\bMinCount=\d+/, `MinCount=${count}`);
    const reply = await toMoto({ ...exchange, body: Buffer.from(text) });
    const launched = reply.status === 200 ? launchedOf(reply.body.toString(), form) : [];
    await kernel.visit('launch', () => instances.add(launched));
    return reply;
  }

  return async (exchange: Exchange, form: Form): Promise<Reply> => {
    const key = `${form.get('SubnetId')} ${form.get('ClientToken')}`;
    const bytes = JSON.stringify([...form].sort());
    const earlier = known.get(key);
    if (earlier && earlier.bytes !== bytes) {
      return refusal('IdempotentParameterMismatch', 'the token was used for another launch');
    }
    const reply = earlier?.reply ?? run(exchange, form);
    known.set(key, { bytes, reply });
    const answer = await reply.catch(() => undefined);
    if (answer?.status !== 200) known.delete(key);
    return reply;
  };
}

function launchedOf(text: string, form: Form): readonly Launched[] {
  const tags = formsOf(form, 'TagSpecification')
    .filter((one) => one.get('ResourceType') === 'instance')
    .flatMap((one) => formsOf(one, 'Tag'));
  return [...text.matchAll(/<instanceId>(i-[0-9a-f]+)</g)].map(([, id = '']) => ({
    id,
    region: REGION,
    zone: /<availabilityZone>([^<]+)</.exec(text)?.[1] ?? '',
    subnet: form.get('SubnetId') ?? '',
    type: form.get('InstanceType') ?? '',
    imageId: form.get('ImageId') ?? '',
    userData: Buffer.from(form.get('UserData') ?? '', 'base64').toString(),
    clientToken: form.get('ClientToken') ?? '',
    tags: tagsOf(tags),
  }));
}

const CODES = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48 } as const;
const STATE =
  /<stateReason>(?:(?!<\/stateReason>).)*<\/stateReason>((?:(?!<stateReason>).)*<instanceId>(i-[0-9a-f]+)<\/instanceId>(?:(?!<instanceState>).)*)<instanceState>(?:(?!<\/instanceState>).)*<\/instanceState>/gs;

/** moto's listing with the states and reasons of our own book. */
function overlay(all: ReadonlyMap<string, Ec2Instance>, text: string): string {
  return text.replace(STATE, (whole, between: string, id: string) => {
    const instance = all.get(id);
    if (!instance) return whole;
    const { state, stateReason } = instance;
    const reason = element('stateReason', stateReason ? { ...stateReason } : {});
    return `${reason}${between}${element('instanceState', { code: CODES[state], name: state })}`;
  });
}

/** One price for each zone of a type, a little dearer from zone to zone. */
function prices(form: Form): string {
  const types = formsOf(form, 'Filter')
    .filter((one) => one.get('Name') === 'instance-type')
    .flatMap((one) => listOf(one, 'Value'));
  const rows = types.flatMap((instanceType) =>
    ['a', 'b', 'c'].map((zone, i) => ({
      instanceType,
      productDescription: 'Linux/UNIX',
      spotPrice: (0.04 + i / 1000).toFixed(6),
      timestamp: '2026-01-01T00:00:00.000Z',
      availabilityZone: `${REGION}${zone}`,
    })),
  );
  const fields = { spotPriceHistorySet: rows, nextToken: '' };
  return element('DescribeSpotPriceHistoryResponse', fields, XMLNS);
}

/** A machine's proof is judged by its signature; whoever shows no session token is moto's to name. */
function caller(all: ReadonlyMap<string, Ec2Instance>, exchange: Exchange): Reply | undefined {
  const { method, path, headers, body } = exchange;
  if (headers['x-amz-security-token'] === undefined) return undefined;
  const signer = signerOf({ method, path, headers, body: body.toString() });
  const region = parseAuthorization(headers['authorization'] ?? '')?.scope.split('/')[1];
  const isForHere = headers['host'] === `sts.${region}.amazonaws.com`;
  if (signer === undefined || !all.has(signer) || !isForHere) {
    return xml(403, element('ErrorResponse', { Error: { Code: 'SignatureDoesNotMatch' } }));
  }
  const result = { Arn: callerArn(ACCOUNT, signer), UserId: 'machine', Account: ACCOUNT };
  const fields = { GetCallerIdentityResult: result };
  return xml(200, element('GetCallerIdentityResponse', fields, STS_XMLNS));
}

/** moto has no images of Canonical's; Amazon's of the same architecture stands for them. */
function withAmazonsImage(exchange: Exchange): Exchange {
  const text = exchange.body
    .toString()
    .replace(
      /\/aws\/service\/canonical\/[^"]*\/(amd64|arm64)\/[^"]*/,
      (_, arch: string) =>
        `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${arch === 'amd64' ? 'x86_64' : arch}`,
    );
  return { ...exchange, body: Buffer.from(text) };
}
