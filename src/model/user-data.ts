import { assert } from '../lib/assert.ts';

export interface UserDataFacts {
  /** The app's address, as machines reach it. */
  readonly url: string;
  readonly launch: string;
  readonly token: string;
  readonly daemonSha256: string;
  readonly actionsRunner: {
    readonly url: string;
    readonly sha256: string;
    readonly version: string;
  };
}

/** EC2's own limit is 16,384 bytes; ours leaves room to add a line in the console. */
const LIMIT_BYTES = 6_144;
/** Words that bash reads as they are: nothing to quote, nothing to expand. */
const PLAIN = /^[A-Za-z0-9._:/+=-]+$/;

/**
 * The script that cloud-init runs once, as root. It says who the machine is, then fetches, checks
 * and starts the daemon. All logic that can wait is in the daemon.
 */
export function userData(facts: UserDataFacts): string {
  const script = ['#!/bin/bash', ...assignments(facts), BOOT].join('\n');
  assert(Buffer.byteLength(script) < LIMIT_BYTES, 'the user data is too long');
  return script;
}

function assignments({ url, launch, token, daemonSha256, actionsRunner }: UserDataFacts): string[] {
  const values = {
    DSTACK_URL: url.replace(/\/+$/, ''),
    DSTACK_LAUNCH: launch,
    DSTACK_TOKEN: token,
    DSTACK_RUNNER_SHA256: daemonSha256,
    DSTACK_ACTIONS_URL: actionsRunner.url,
    DSTACK_ACTIONS_SHA256: actionsRunner.sha256,
  };
  return Object.entries(values).map(([name, value]) => {
    assert(PLAIN.test(value), `${name} has a character that bash would read as more than itself`);
    return `export ${name}=${value}`;
  });
}

// `\${` is bash's own: nothing is filled in below this line. Only node of the archive's
// externals/nodeNN is taken, not its musl twin nodeNN_alpine. Jobs get sudo without a password,
// because workflows written for GitHub's machines expect it, and the machine is theirs alone and
// gone afterwards. Amazon Linux lacks libicu, without which the Actions runner ends at once.
const BOOT = `# Makes this machine a GitHub Actions runner; whatever goes wrong, it powers off.
set -euo pipefail
export DSTACK_HOME="\${DSTACK_HOME:-/opt/dstack}"
export PATH="\${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}"
off="\${DSTACK_POWEROFF:-shutdown -P now || systemctl poweroff --force --force}"

finish() {
  echo "dstack: the start of the daemon failed with $?; powering off"
  until sh -c "$off"; do sleep 30; done
  [ -z "\${guard:-}" ] || kill -- "-$guard"
}
trap finish EXIT

# A start that hangs ends too; the daemon brings a guard of its own.
setsid sh -c "sleep 1200; $off" > /dev/null 2>&1 &
guard=$!

# cloud-init does not read the image's proxy settings.
if [ -r /etc/environment ]; then
  while IFS='=' read -r name value || [ -n "$name" ]; do
    case "\${name,,}" in
      http_proxy | https_proxy | no_proxy) export "$name=\${value//\\"/}" ;;
    esac
  done < /etc/environment
fi
need=20
if [ -n "\${HTTPS_PROXY:-}\${https_proxy:-}\${HTTP_PROXY:-}\${http_proxy:-}" ]; then
  # Older ones know no proxy.
  need=24
  export NO_PROXY="\${NO_PROXY:-\${no_proxy:-}},169.254.169.254" NODE_USE_ENV_PROXY=1
  export no_proxy="$NO_PROXY"
fi

# fetch URL FILE SHA256
fetch() {
  curl --fail --silent --show-error --location --connect-timeout 10 --max-time 300 \\
    --retry 10 --retry-all-errors --retry-max-time 240 --output "$2" "$1"
  echo "$3  $2" | sha256sum --check --quiet
}

if [ "$(id -u)" = 0 ] && ! id -u runner > /dev/null 2>&1; then
  useradd --create-home --shell /bin/bash runner
  if id -u runner > /dev/null 2>&1; then
    ! getent group docker > /dev/null || usermod --append --groups docker runner
    echo 'runner ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/90-dstack-runner
    chmod 440 /etc/sudoers.d/90-dstack-runner
  fi
fi

mkdir -p "$DSTACK_HOME"
daemon="$DSTACK_HOME/dstack-runner.mjs"
fetch "$DSTACK_URL/runner/v1/dstack-runner.mjs" "$daemon" "$DSTACK_RUNNER_SHA256"

libraries="$(ldconfig -p 2> /dev/null || true)"
if [[ "$libraries" != *libicuuc* ]] && command -v dnf > /dev/null; then
  dnf install --assumeyes --quiet libicu || echo 'dstack: no libicu'
fi

node="$(command -v node || true)"
major() { "$node" -p 'process.versions.node.split(".")[0]' 2> /dev/null || echo 0; }
if [ -z "$node" ] || [ "$(major)" -lt "$need" ]; then
  runner=/opt/actions-runner
  if ! [ -d "$runner/externals" ]; then
    runner="$DSTACK_HOME/actions-runner"
    fetch "$DSTACK_ACTIONS_URL" "$DSTACK_HOME/actions-runner.tar.gz" "$DSTACK_ACTIONS_SHA256"
    mkdir -p "$runner"
    tar -xzf "$DSTACK_HOME/actions-runner.tar.gz" -C "$runner"
    rm "$DSTACK_HOME/actions-runner.tar.gz"
    # The daemon takes it as it is.
    echo "$DSTACK_ACTIONS_SHA256" > "$runner/.dstack-sha256"
  fi
  node="$(printf '%s\\n' "$runner"/externals/node[0-9][0-9]/bin/node | sort -V | tail -n 1)"
fi

# Proof that this Node can run this file, while the trap still stands.
"$node" "$daemon" --version
kill -- "-$guard" || true
exec "$node" "$daemon" start
`;
