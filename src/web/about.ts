import type { Routes } from '../lib/http.ts';

/** What a command line has to know before anybody is signed in; nothing of it is secret. */
export interface About {
  readonly version: string;
  /** Where people are, and where its REST is. */
  readonly github: { readonly htmlUrl: string; readonly apiUrl: string };
  /** null: nobody can sign in here. */
  readonly clientId: string | null;
}

export const aboutRoutes = (about: About): Routes => ({
  'GET /api/v1/about': async () => ({ status: 200, body: about }),
});
