import { createServer } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { type Answer as HttpAnswer, type Request, serveRoutes } from '../lib/http.ts';
import { EC2_ACTIONS } from './aws-actions.ts';
import { type Form, parseForm } from './aws-form.ts';
import {
  callerArn,
  instanceOfToken,
  isFresh,
  parseAuthorization,
  signerOf,
} from './aws-identity.ts';
import { answerJson, callOf } from './aws-json.ts';
import { element, type XmlFields } from './aws-xml.ts';
import { type Answer, accept, refuse } from './ec2-launch.ts';
import type { Ec2Model } from './ec2-model.ts';
import type { Kernel } from './kernel.ts';
import { type Loopback, listen } from './loopback.ts';

// The AWS face of the sandbox: EC2, STS and the services of aws-json.ts on one loopback port, for the
// real SDK with AWS_ENDPOINT_URL. Signatures are checked where something hangs on them, which is STS alone.

export interface AwsHttpDeps {
  readonly kernel: Kernel;
  readonly model: Ec2Model;
  /** The callers' clock: it dates their signatures. The world's may run faster. */
  readonly clock: Clock;
}

const BODY_LIMIT_BYTES = 1_000_000;
const DEFAULT_REGION = 'us-east-1';
const EC2_XMLNS = 'http://ec2.amazonaws.com/doc/2016-11-15/';
const IAM_XMLNS = 'https://iam.amazonaws.com/doc/2010-05-08/';
const STS_XMLNS = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** One request, read as far as every service needs it. */
interface Call {
  readonly request: Request;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly region: string;
}

export async function serveAws(deps: AwsHttpDeps, port = 0): Promise<Loopback> {
  const handle = async (request: Request): Promise<HttpAnswer> => {
    const body = await request.body(BODY_LIMIT_BYTES);
    if (!Buffer.isBuffer(body)) return { status: 413 };
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const scope = parseAuthorization(headers['authorization'] ?? '')?.scope ?? '';
    const region = scope.split('/')[1] ?? DEFAULT_REGION;
    return answer(deps, { request, headers, body: body.toString(), region });
  };
  const listener = serveRoutes({ 'POST /': handle }, (error, path) => {
    deps.kernel.trace(`aws: ${path} broke: ${String(error)}`);
  });
  return listen(createServer(listener), port);
}

function answer(deps: AwsHttpDeps, call: Call): Promise<HttpAnswer> {
  const target = call.headers['x-amz-target'];
  if (target !== undefined) {
    const { kernel, model } = deps;
    return kernel.visit(`aws ${callOf(target)}`, () => answerJson({ model, ...call }, target));
  }
  const form = parseForm(call.body);
  const name = form.get('Action');
  if (name === 'GetRole') return iam(form);
  return name === 'GetCallerIdentity' ? sts(deps, call) : ec2(deps, call, form);
}

/** The account has the roles that EC2 asks for. */
async function iam(form: Form): Promise<HttpAnswer> {
  const RoleName = form.get('RoleName') ?? '';
  const Role = { RoleName, Path: '/', RoleId: 'AROASANDBOX', Arn: `arn:aws:iam::role/${RoleName}` };
  const fields = { GetRoleResult: { Role }, ResponseMetadata: { RequestId: REQUEST_ID } };
  return xml(200, element('GetRoleResponse', fields, ` xmlns="${IAM_XMLNS}"`));
}

async function ec2({ kernel, model }: AwsHttpDeps, call: Call, form: Form): Promise<HttpAnswer> {
  const name = form.get('Action') ?? '';
  const action = Object.hasOwn(EC2_ACTIONS, name) ? EC2_ACTIONS[name] : undefined;
  const { region } = call;
  const answered = await kernel.visit<Answer<XmlFields>>(`aws ${name}`, () =>
    action
      ? action({ model, region, form, now: kernel.now() })
      : refuse('InvalidAction', `The action ${name} is not valid for this web service.`),
  );
  if (answered.ok) {
    const fields = { requestId: REQUEST_ID, ...answered.value };
    return xml(200, element(`${name}Response`, fields, ` xmlns="${EC2_XMLNS}"`));
  }
  const { code, message, status } = answered;
  const Errors = { Error: { Code: code, Message: message } };
  return xml(status, element('Response', { Errors, RequestID: REQUEST_ID }));
}

/** Nobody asks the sandbox's support for a request by its id. */
const REQUEST_ID = '00000000-0000-4000-8000-000000000000';

const xml = (status: number, document: string): HttpAnswer => ({
  status,
  headers: { 'content-type': 'text/xml;charset=UTF-8' },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n${document}`,
});

async function sts(deps: AwsHttpDeps, call: Call): Promise<HttpAnswer> {
  const found = await deps.kernel.visit('aws GetCallerIdentity', () => callerOf(deps, call));
  const meta = { RequestId: REQUEST_ID };
  if (found.ok) {
    const result = { Arn: found.value, UserId: 'AIDASANDBOX', Account: deps.model.account };
    const fields = { GetCallerIdentityResult: result, ResponseMetadata: meta };
    return xml(200, element('GetCallerIdentityResponse', fields, ` xmlns="${STS_XMLNS}"`));
  }
  const { code, message, status } = found;
  const fields = { Error: { Type: 'Sender', Code: code, Message: message }, ...meta };
  return xml(status, element('ErrorResponse', fields, ` xmlns="${STS_XMLNS}"`));
}

/** A machine's identity role is proved by its signature; whoever has no session token is our user. */
function callerOf({ model, clock }: AwsHttpDeps, call: Call): Answer<string> {
  const { headers, body, request, region } = call;
  if (!parseAuthorization(headers['authorization'] ?? '')) {
    return refuse('MissingAuthenticationToken', 'Request is missing Authentication Token', 403);
  }
  const token = headers['x-amz-security-token'];
  if (token === undefined) return accept(`arn:aws:iam::${model.account}:user/sandbox`);
  const holder = instanceOfToken(token) ?? '';
  if (!model.instances.has(holder)) {
    return refuse('InvalidClientTokenId', 'The security token in the request is invalid', 403);
  }
  const { method, path } = request;
  const isForHere = headers['host'] === `sts.${region}.amazonaws.com`;
  if (!isForHere || signerOf({ method, path, headers, body }) !== holder) {
    return refuse('SignatureDoesNotMatch', 'The request signature does not match', 403);
  }
  if (!isFresh(headers['x-amz-date'] ?? '', clock.now())) {
    return refuse('RequestExpired', 'Signature expired', 403);
  }
  return accept(callerArn(model.account, holder));
}
