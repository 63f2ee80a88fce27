import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { EVENTS, PERMISSIONS, permissionsOfApp } from '../../src/github/calls.ts';
import { convertManifest, manifestFrom } from '../../src/github/manifest.ts';
import { silentLog } from '../../src/lib/log.ts';
import { startWire, type Wire } from './wire.ts';

const APP_YML = readFileSync(new URL('../../app.yml', import.meta.url), 'utf8');

describe('app.yml', () => {
  test('asks for what the calls use, and no more', () => {
    expect(parse(APP_YML).default_permissions).toEqual(permissionsOfApp());
    expect(PERMISSIONS).toMatchObject({ file: { contents: 'read' } });
  });

  test('asks for the events that are read, and no more', () => {
    expect(parse(APP_YML).default_events).toEqual(EVENTS);
  });

  test('says of each what for', () => {
    const lines = APP_YML.split('\n');
    const asked = lines.flatMap((line, i) => (/^ {2}(?:- )?\w+/.test(line) ? [i] : []));
    expect(asked).toHaveLength(Object.keys(permissionsOfApp()).length + EVENTS.length);
    expect(asked.filter((i) => !lines[i - 1]?.startsWith('  # '))).toEqual([]);
  });
});

describe('the manifest', () => {
  test('is app.yml with the addresses of this deployment', () => {
    expect(manifestFrom(APP_YML, { publicUrl: 'https://ci.example.com/' })).toEqual({
      ...parse(APP_YML),
      url: 'https://ci.example.com',
      hook_attributes: { url: 'https://ci.example.com/api/github/webhooks', active: true },
      redirect_url: 'https://ci.example.com/setup/registered',
    });
  });

  test('has deliveries sent to the proxy where there is one', () => {
    const addresses = {
      publicUrl: 'http://localhost:3000',
      webhookProxyUrl: 'https://proxy.example/x',
    };
    const manifest = manifestFrom(APP_YML, addresses);
    expect(manifest.hook_attributes.url).toBe('https://proxy.example/x');
    expect(manifest.redirect_url).toBe('http://localhost:3000/setup/registered');
  });
});

describe('the code that GitHub sends back', () => {
  const CONVERT = 'POST /app-manifests/abc123/conversions';
  const answer = {
    id: 4711,
    slug: 'dstack-autoscale',
    pem: '-----BEGIN RSA PRIVATE KEY-----\n…',
    webhook_secret: 'hush',
    client_id: 'Iv1.1',
    client_secret: 'shh',
    html_url: 'https://github.example/apps/dstack-autoscale',
  };
  let wire: Wire;
  beforeEach(async () => {
    wire = await startWire();
  });
  afterEach(() => wire.stop());

  const convert = () =>
    convertManifest(
      { apiUrl: wire.url, userAgent: 'dstack-test', clock: wire.clock, log: silentLog },
      'abc123',
    );

  test('is traded for the credentials of the App, by nobody in particular', async () => {
    wire.on(CONVERT, { status: 201, body: answer });
    expect(await convert()).toEqual({
      ok: true,
      value: {
        id: 4711,
        slug: 'dstack-autoscale',
        pem: answer.pem,
        webhookSecret: 'hush',
        clientId: 'Iv1.1',
        clientSecret: 'shh',
        htmlUrl: answer.html_url,
      },
    });
    expect(wire.to(CONVERT)[0]?.headers.authorization).toBeUndefined();
  });

  test('that was used before is missing', async () => {
    expect(await convert()).toMatchObject({ ok: false, reason: 'missing', code: '404' });
  });

  test('is lost when an answer lacks a credential', async () => {
    wire.on(CONVERT, { status: 201, body: { ...answer, webhook_secret: null } });
    expect(await convert()).toMatchObject({ ok: false, reason: 'unreachable', code: 'shape' });
  });
});
