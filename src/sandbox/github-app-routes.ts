import { isRefusal, type Token } from './github-app.ts';
import { timeOf } from './github-json.ts';
import {
  type Call,
  notFound,
  ok,
  page,
  perPage,
  problem,
  type Result,
  type Route,
  type World,
} from './github-route.ts';
import {
  APP_EVENTS,
  APP_PERMISSIONS,
  type Installation,
  isAmong,
  type Repo,
  reposOf,
} from './github-state.ts';

// What the App may ask about itself: its installations, its deliveries, and tokens.

export const appJson = ({ app, model }: Pick<World, 'app' | 'model'>): object => {
  const has = (name: string) => !app.lacks.includes(name);
  const permissions = Object.entries(APP_PERMISSIONS).filter(([name]) => has(name));
  return {
    ...model.talkJson.app(),
    permissions: Object.fromEntries(permissions),
    events: APP_EVENTS.filter(has),
    client_id: app.clientId,
  };
};

/** Newest first; the cursor is the last delivery of the page before. */
function deliveries({ model, query }: Call): Result {
  const size = perPage(query);
  const status = query.get('status');
  const after = Number(query.get('cursor') ?? Number.POSITIVE_INFINITY);
  const all = model.hooks
    .deliveries()
    .filter(
      ({ id, status: is }) => id < after && (!status || (status === 'success') === (is === 'OK')),
    );
  const shown = all.slice(0, size);
  const cursor = String(shown.at(-1)?.id);
  return {
    status: 200,
    body: shown.map(model.json.delivery),
    links: all.length > size ? { next: { cursor } } : {},
  };
}

function delivery({ model, app, args }: Call): Result {
  const one = model.hooks.deliveries().find(({ id }) => id === Number(args[0]));
  if (one === undefined) return notFound;
  return ok({
    ...model.json.delivery(one),
    url: app.hookUrl ?? '',
    request: {
      headers: { 'X-GitHub-Delivery': one.guid, 'X-GitHub-Event': one.event },
      payload: one.payload,
    },
    response: { headers: {}, payload: '' },
  });
}

function mint({ model, tokens, args, input }: Call): Result {
  const token = tokens.mint(Number(args[0]), input);
  if (isRefusal(token)) return problem(token.status, token.message);
  const { text, permissions, repos, expiresAt } = token;
  return {
    status: 201,
    body: {
      token: text,
      expires_at: timeOf(expiresAt),
      permissions,
      repository_selection: repos === null ? 'all' : 'selected',
      ...(repos === null
        ? {}
        : {
            repositories: [...repos].flatMap((id) => {
              const repo = model.state.repos.get(id);
              return repo === undefined ? [] : [model.json.repository(repo)];
            }),
          }),
    },
  };
}

export const reaches = ({ installation, repos }: Token, repo: Repo): boolean =>
  isAmong(installation, repo) && (repos === null || repos.has(repo.id));

function repositories({ model, token, query }: Call & { readonly token: Token }): Result {
  const seen = reposOf(model.state, token.installation).filter((repo) => reaches(token, repo));
  return page(query, seen, (items) => ({
    total_count: seen.length,
    repository_selection: token.installation.repos === null ? 'all' : 'selected',
    repositories: items.map(model.json.repository),
  }));
}

const installations = ({ model, query }: Call): Result =>
  page(query, [...model.state.installations.values()], (items: readonly Installation[]) =>
    items.map(model.json.installation),
  );

function installation({ model, args }: Call): Result {
  const found = model.state.installations.get(Number(args[0]));
  return found === undefined ? notFound : ok(model.json.installation(found));
}

const hookConfig = ({ app }: Call): Result =>
  ok({ url: app.hookUrl ?? '', content_type: 'json', insecure_ssl: '0', secret: '********' });

export const APP_ROUTES: Readonly<Record<string, Route>> = {
  'GET /app': { who: 'app', run: (call) => ok(appJson(call)) },
  'GET /app/hook/config': { who: 'app', run: hookConfig },
  'GET /app/installations': { who: 'app', run: installations },
  'GET /app/installations/{id}': { who: 'app', run: installation },
  'POST /app/installations/{id}/access_tokens': { who: 'app', run: mint },
  'GET /app/hook/deliveries': { who: 'app', run: deliveries },
  'GET /app/hook/deliveries/{id}': { who: 'app', run: delivery },
  'POST /app/hook/deliveries/{id}/attempts': {
    who: 'app',
    run: ({ model, args }) =>
      model.hooks.redeliver(Number(args[0])) ? { status: 202, body: {} } : notFound,
  },
  'GET /installation/repositories': {
    who: 'installation',
    needs: { metadata: 'read' },
    run: repositories,
  },
};
