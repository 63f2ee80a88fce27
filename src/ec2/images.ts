import { DescribeImagesCommand } from '@aws-sdk/client-ec2';
import type { Arch } from '../model/launch.ts';
import { done, type Refused, type Reply } from '../model/reply.ts';
import type { Calls } from './calls.ts';
import { archOf } from './catalogue.ts';
import type { ImageFacts } from './port.ts';

// Publishers keep the newest image's id in public SSM parameters; they call the architectures
// amd64 and arm64 (Canonical) or x86_64 and arm64 (Amazon).
const PARAMETERS: ReadonlyMap<string, (arch: Arch) => string> = new Map([
  [
    'ubuntu-24.04',
    (arch) =>
      `/aws/service/canonical/ubuntu/server/24.04/stable/current/${arch === 'x64' ? 'amd64' : arch}/hvm/ebs-gp3/ami-id`,
  ],
  [
    'ubuntu-24.04-gpu',
    (arch) =>
      `/aws/service/deeplearning/ami/${amazonArch(arch)}/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id`,
  ],
  [
    'al2023',
    (arch) => `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${amazonArch(arch)}`,
  ],
]);

const amazonArch = (arch: Arch): string => (arch === 'x64' ? 'x86_64' : arch);

/** The newest image of a name, a parameter's, or one by its id; with what a launch must know of it. */
export async function image(
  calls: Calls,
  wanted: { readonly image: string; readonly arch: Arch },
): Promise<Reply<ImageFacts>> {
  const id = await imageId(calls, wanted);
  if (!id.ok) return id;
  const command = new DescribeImagesCommand({ ImageIds: [id.value] });
  const answer = await calls.ask((ec2, options) => ec2.send(command, options));
  if (!answer.ok) return answer;
  const found = answer.value.Images?.[0];
  const arch = archOf(found?.Architecture);
  const rootDevice = found?.RootDeviceName;
  const root = found?.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === rootDevice);
  const sizeGb = root?.Ebs?.VolumeSize;
  if (!found) return missing(`image ${id.value} is not there for this account and region`);
  if (arch === undefined || rootDevice === undefined || sizeGb === undefined) {
    const message = `image ${id.value} is not a Linux image for x64 or arm64 with an EBS root`;
    return { ok: false, reason: 'invalid', code: 'UnusableImage', message };
  }
  return done({ id: id.value, arch, rootDevice, sizeGb });
}

async function imageId(
  calls: Calls,
  { image, arch }: { readonly image: string; readonly arch: Arch },
): Promise<Reply<string>> {
  if (image.startsWith('ami-')) return done(image);
  const path = image.startsWith('ssm:')
    ? image.slice('ssm:'.length)
    : PARAMETERS.get(image)?.(arch);
  if (path === undefined) return missing(`no image is called ${image}`);
  const answer = await calls.askOther(async (shared, options) => {
    const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm');
    return new SSMClient(shared).send(new GetParameterCommand({ Name: path }), options);
  });
  if (!answer.ok) return answer;
  const id = answer.value.Parameter?.Value ?? '';
  return id.startsWith('ami-') ? done(id) : missing(`parameter ${path} holds no image id`);
}

const missing = (message: string): Refused => ({
  ok: false,
  reason: 'missing',
  code: 'NoImage',
  message,
});
