import type { LaunchRequest } from '../../src/model/launch.ts';

/** A whole valid launch; a test says only what matters to it. */
export function aLaunchRequest(more: Partial<LaunchRequest> = {}): LaunchRequest {
  return {
    region: 'us-east-1',
    zone: 'us-east-1a',
    subnet: 'subnet-1',
    type: 'm5.large',
    market: 'spot',
    clientToken: 'token-1',
    count: 1,
    maxPriceUsd: null,
    imageId: 'ami-0123456789abcdef0',
    rootDevice: '/dev/sda1',
    diskGb: 30,
    securityGroups: ['sg-1'],
    tags: {
      Name: 'dstack acme/api',
      'dstack:app': 'github.com/1',
      'dstack:scope': 'repo-7',
      'dstack:rule': 'm5.large/us-east-1',
      'dstack:launch': 'launch-1',
    },
    userData: '#!/bin/sh\nDSTACK_URL=https://dstack.example\n',
    ...more,
  };
}
