import { done, type Reply } from '../model/reply.ts';
import type { Hooks } from './github-hooks.ts';
import type { GitHubJson } from './github-json.ts';
import { NOT_FOUND, refuse } from './github-refusal.ts';
import type { GitHubState, Repo } from './github-state.ts';
import type { TalkJson } from './github-talk-json.ts';
import {
  botOf,
  type Comment,
  findPerson,
  type Issue,
  type Person,
  personOf,
  REACTIONS,
  type Reaction,
  type Role,
} from './github-talk-state.ts';

export interface IssueSpec {
  readonly title?: string;
  readonly body?: string;
  /** A login; the owner's by default. */
  readonly by?: string;
}

/** Who may do what, and what is said. `addComment` is a person's doing, `comment` the App's. */
export interface Issues {
  /** null: no collaborator any more. */
  setCollaborator(repo: Repo, login: string, role: Role | null): void;
  permissionOf(
    repo: Repo,
    login: string,
  ): Reply<{ readonly person: Person; readonly permission: string; readonly role: string }>;
  addIssue(repo: Repo, spec?: IssueSpec): Issue;
  addComment(repo: Repo, issue: number, body: string, by?: string): Comment;
  comment(repo: Repo, issue: number, body: string): Reply<Comment>;
  editComment(repo: Repo, id: number, body: string): Reply<Comment>;
  commentsOf(repo: Repo, issue: number): Reply<readonly Comment[]>;
  react(
    repo: Repo,
    comment: number,
    content: string,
  ): Reply<{ readonly reaction: Reaction; readonly isNew: boolean }>;
  unreact(repo: Repo, comment: number, reaction: number): Reply<null>;
}

const BODY_LIMIT = 65_536;
/** The four old words for the five roles. */
const PERMISSION_OF = {
  admin: 'admin',
  maintain: 'write',
  write: 'write',
  triage: 'read',
  read: 'read',
} as const;

export interface TalkParts {
  readonly hooks: Hooks;
  readonly json: GitHubJson;
  readonly talkJson: TalkJson;
}

export function createIssues(state: GitHubState, parts: TalkParts): Issues {
  const { kernel } = state;
  const { hooks, json, talkJson } = parts;

  const tell = (repo: Repo, of: Comment, by: Person, fields: object) =>
    hooks.sendRepo('issue_comment', repo, {
      ...fields,
      issue: talkJson.issue(repo, of.issue),
      comment: talkJson.comment(repo, of),
      sender: json.user(by),
    });

  const say = (repo: Repo, issue: Issue, body: string, by: Person): Comment => {
    const comment: Comment = {
      id: state.nextId('other'),
      issue,
      by,
      createdAt: kernel.now(),
      body,
      changedAt: kernel.now(),
      reactions: [],
      reactionLog: [],
    };
    repo.talk.comments.set(comment.id, comment);
    kernel.trace(`github: ${by.login} comments on ${repo.name}#${issue.number}`);
    tell(repo, comment, by, { action: 'created' });
    return comment;
  };

  const isBody = (body: string) => body !== '' && body.length <= BODY_LIMIT;
  const isOff = (repo: Repo, issue: Issue | undefined) =>
    !repo.talk.hasIssues && issue?.pull === null;

  return {
    setCollaborator(repo, login, role) {
      const key = personOf(state, login).login.toLowerCase();
      if (role === null) repo.talk.roles.delete(key);
      else repo.talk.roles.set(key, role);
    },
    permissionOf(repo, login) {
      const person = findPerson(state, login);
      if (person === undefined) return NOT_FOUND;
      const given = repo.talk.roles.get(login.toLowerCase());
      const role =
        person.id === repo.owner.id ? 'admin' : (given ?? (repo.isPrivate ? null : 'read'));
      const permission = role === null ? 'none' : PERMISSION_OF[role];
      return done({ person, permission, role: role ?? 'none' });
    },
    addIssue(repo, { title = 'A question', body = '', by = repo.owner.login } = {}) {
      const issue: Issue = {
        id: state.nextId('other'),
        number: repo.talk.issues.size + 1,
        title,
        body,
        by: personOf(state, by),
        createdAt: kernel.now(),
        isLocked: false,
        pull: null,
      };
      repo.talk.issues.set(issue.number, issue);
      return issue;
    },
    addComment(repo, number, body, by = repo.owner.login) {
      const issue = repo.talk.issues.get(number);
      if (issue === undefined) throw new Error(`there is no issue ${number}`);
      return say(repo, issue, body, personOf(state, by));
    },
    comment(repo, number, body) {
      const issue = repo.talk.issues.get(number);
      if (issue === undefined) return NOT_FOUND;
      if (isOff(repo, issue)) return refuse(410, 'Issues are disabled for this repo');
      if (issue.isLocked) return refuse(403, 'Unable to create comment because issue is locked.');
      if (!isBody(body)) return refuse(422, 'Validation Failed');
      return done(say(repo, issue, body, botOf(state)));
    },
    editComment(repo, id, body) {
      const comment = repo.talk.comments.get(id);
      if (comment === undefined) return NOT_FOUND;
      if (!isBody(body)) return refuse(422, 'Validation Failed');
      const from = comment.body;
      comment.body = body;
      comment.changedAt = kernel.now();
      tell(repo, comment, botOf(state), { action: 'edited', changes: { body: { from } } });
      return done(comment);
    },
    commentsOf(repo, number) {
      const issue = repo.talk.issues.get(number);
      if (issue === undefined) return NOT_FOUND;
      if (isOff(repo, issue)) return refuse(410, 'Issues are disabled for this repo');
      return done([...repo.talk.comments.values()].filter((one) => one.issue === issue));
    },
    react(repo, id, content) {
      const comment = repo.talk.comments.get(id);
      if (comment === undefined) return NOT_FOUND;
      if (!REACTIONS.includes(content)) return refuse(422, 'Validation Failed');
      const by = botOf(state);
      const known = comment.reactions.find((one) => one.by === by && one.content === content);
      if (known !== undefined) return done({ reaction: known, isNew: false });
      const reaction: Reaction = { id: state.nextId('other'), content, by, at: kernel.now() };
      comment.reactions = [...comment.reactions, reaction];
      comment.reactionLog.push(content);
      return done({ reaction, isNew: true });
    },
    unreact(repo, id, reaction) {
      const comment = repo.talk.comments.get(id);
      if (comment?.reactions.some((one) => one.id === reaction) !== true) return NOT_FOUND;
      comment.reactions = comment.reactions.filter((one) => one.id !== reaction);
      return done(null);
    },
  };
}
