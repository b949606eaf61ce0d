/**
 * Who has said what: no correct replica takes for another correct one's what that has never said, and nothing that is not durable yet.
 * @module
 */
import { equalBytes } from "../core/bytes.ts";
import type { ReplicaId } from "../core/ids.ts";
import type { Input, Ready } from "../core/io.ts";
import type { Message, MessageKind, Reply, Result, Signed } from "../core/messages.ts";
import type { Report } from "./ledger.ts";

interface Said {
  readonly bytes: Uint8Array;
  isLetOut: boolean;
}

/** Everything that correct replicas have signed. */
export class SaidMessages {
  readonly #report: Report;
  readonly #isFaulty: (replica: ReplicaId) => boolean;
  /** By signature; two messages under one would be found by their bytes. */
  readonly #said = new Map<MessageKind, Map<number, Said>>();
  /** Found to be in order: the same message often comes to many. */
  readonly #passed = new Set<Signed>();
  readonly #replies = new Map<string, Set<string>>();

  constructor(report: Report, isFaulty: (replica: ReplicaId) => boolean) {
    this.#report = report;
    this.#isFaulty = isFaulty;
  }

  /** A correct replica has signed these; nothing of it is durable yet. */
  made({ messages }: Ready): void {
    for (const { message } of messages) this.#note(message, false);
  }

  /** Now it is. */
  letOut(replica: ReplicaId, { messages, replies }: Ready): void {
    for (const { message } of messages) this.#note(message, true);
    for (const { reply } of replies) {
      const place = `${replica}/${reply.request}`;
      const results = this.#replies.get(place) ?? new Set();
      this.#replies.set(place, results.add(shownResults(reply.results)));
    }
  }

  /** A correct replica takes this. */
  taken(by: ReplicaId, input: Input): void {
    switch (input.kind) {
      case "pre-prepare":
        return this.#check(by, input.prePrepare);
      case "prepare":
        return this.#check(by, input.prepare);
      case "commit":
        return this.#check(by, input.commit);
      case "checkpoint":
        return this.#check(by, input.checkpoint);
      case "decision":
        return this.#check(by, input.decision);
      case "stable-checkpoint":
        return this.#check(by, input.stable);
      case "view-change":
        return this.#check(by, input.viewChange);
      case "new-view":
        return this.#check(by, input.newView);
      case "status":
        return this.#check(by, input.status);
    }
  }

  /** A client gets a correct replica's reply. */
  replied({ replica, request, results }: Reply): void {
    if (this.#isFaulty(replica) || this.#replies.get(`${replica}/${request}`)?.has(shownResults(results))) return;
    this.#report("write-ahead", `replica ${replica} has replied to ${request.slice(0, 8)} before that was durable`);
  }

  #note({ message, bytes, signature }: Signed, isLetOut: boolean): void {
    for (const nested of nestedIn(message)) this.#noteOwn(message, nested, isLetOut);
    const byKind = this.#said.get(message.kind) ?? new Map<number, Said>();
    this.#said.set(message.kind, byKind);
    const key = keyOf(signature);
    const said = byKind.get(key);
    if (!said) byKind.set(key, { bytes, isLetOut });
    else if (isLetOut) said.isLetOut = true;
  }

  /** What is its sender's own in it is said with it, perhaps for the first time: after a restart votes are signed again. */
  #noteOwn(message: Message, nested: Signed, isLetOut: boolean): void {
    if ("replica" in message && "replica" in nested.message && nested.message.replica === message.replica) {
      this.#note(nested, isLetOut);
    }
  }

  #check(by: ReplicaId, signed: Signed): void {
    if (this.#passed.has(signed)) return;
    const { message, bytes, signature } = signed;
    for (const nested of nestedIn(message)) this.#check(by, nested);
    if (!("replica" in message) || this.#isFaulty(message.replica)) return void this.#passed.add(signed);
    const said = this.#said.get(message.kind)?.get(keyOf(signature));
    const what = `for replica ${message.replica}'s a ${message.kind}`;
    if (!said || !equalBytes(said.bytes, bytes)) {
      this.#report("authenticity", `replica ${by} takes ${what} that it never said`);
    } else if (!said.isLetOut) this.#report("write-ahead", `replica ${by} takes ${what} that is not durable there yet`);
    else this.#passed.add(signed);
  }
}

/** The messages that a message carries. */
function nestedIn(message: Message): readonly Signed[] {
  switch (message.kind) {
    case "decision":
      return message.commits;
    case "stable-checkpoint":
      return message.checkpoints;
    case "view-change":
      return [
        ...message.stable,
        ...message.prepared.flatMap(({ prePrepare, prepares }) => [prePrepare, ...prepares]),
      ];
    case "new-view":
      return [...message.viewChanges, ...message.prePrepares];
    default:
      return [];
  }
}

/** The stand-in's signatures differ in their first bytes. */
function keyOf(signature: Uint8Array): number {
  let key = 0;
  for (let i = 0; i < 6; i++) key = 256 * key + signature[i]!;
  return key;
}

function shownResults(results: readonly Result[]): string {
  return results.map(({ sequence, status, value }) => `${sequence} ${status} ${value}`).join(";");
}
