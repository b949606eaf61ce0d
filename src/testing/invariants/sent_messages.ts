/**
 * Authenticity: no correct replica accepts a message as another correct one's that this one never sent, or that was not
 * durable when sent.
 * @module
 */
import { equalBytes } from "../../core/tree/bytes.ts";
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { Input, Ready } from "../../core/io.ts";
import type { Message, MessageKind, Reply, Result, Signed } from "../../core/messages/messages.ts";
import { equalResults } from "../../core/messages/tally.ts";
import type { Report } from "../violation.ts";

/** Every message that correct replicas have sent. */
export class SentMessages {
  readonly #report: Report;
  readonly #isFaulty: (replica: ReplicaId) => boolean;
  /** The bytes of each message by its signature. Two messages with one signature would differ in their bytes. */
  readonly #said = new Map<MessageKind, Map<number, Uint8Array>>();
  /** Steps whose messages are signed and not sent yet, or never will be. */
  readonly #made = new Set<Ready>();
  /** Messages that were found in order: the same one often goes to many. */
  readonly #passed = new Set<Signed>();
  /** The results in the replies to each request, by replica. */
  readonly #replies = new Map<Digest, Map<ReplicaId, (readonly Result[])[]>>();

  constructor(report: Report, isFaulty: (replica: ReplicaId) => boolean) {
    this.#report = report;
    this.#isFaulty = isFaulty;
  }

  /** A correct replica has signed these messages. Nothing of the step is durable yet. */
  made(ready: Ready): void {
    if (ready.messages.length > 0) this.#made.add(ready);
  }

  /** The step is durable, and its messages are sent. */
  letOut(replica: ReplicaId, ready: Ready): void {
    this.#made.delete(ready);
    for (const { message } of ready.messages) this.#note(message);
    for (const { reply: { request, results } } of ready.replies) {
      let byReplica = this.#replies.get(request);
      if (!byReplica) this.#replies.set(request, byReplica = new Map());
      const known = byReplica.get(replica);
      if (!known) byReplica.set(replica, [results]);
      else if (!isAmong(known, results)) known.push(results);
    }
  }

  /** A correct replica takes this input. */
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
      case "suspicion":
        return this.#check(by, input.suspicion);
      case "view-change":
        return this.#check(by, input.viewChange);
      case "new-view":
        return this.#check(by, input.newView);
      case "status":
        return this.#check(by, input.status);
    }
  }

  /** A client receives the reply of a correct replica. */
  replied({ replica, request, results }: Reply): void {
    if (this.#isFaulty(replica)) return;
    const said = this.#replies.get(request)?.get(replica);
    if (said && isAmong(said, results)) return;
    this.#report("write-ahead", `replica ${replica} has replied to ${request.slice(0, 8)} before that was durable`);
  }

  /** Nested messages of the sender count as sent with it, perhaps for the first time: after a restart votes are signed again. */
  #note(signed: Signed): void {
    for (const { message, bytes, signature } of withOwn(signed)) {
      let byKind = this.#said.get(message.kind);
      if (!byKind) this.#said.set(message.kind, byKind = new Map());
      byKind.set(keyOf(signature), bytes);
    }
  }

  #check(by: ReplicaId, signed: Signed): void {
    if (this.#passed.has(signed)) return;
    const { message, bytes, signature } = signed;
    for (const nested of nestedIn(message)) this.#check(by, nested);
    if (!("replica" in message) || this.#isFaulty(message.replica)) return void this.#passed.add(signed);
    const said = this.#said.get(message.kind)?.get(keyOf(signature));
    if (said && equalBytes(said, bytes)) return void this.#passed.add(signed);
    const what = `for replica ${message.replica}'s a ${message.kind}`;
    if (this.#isMade(signed)) {
      this.#report("write-ahead", `replica ${by} takes ${what} that is not durable there yet`);
    } else this.#report("authenticity", `replica ${by} takes ${what} that it never said`);
  }

  #isMade({ message: { kind }, bytes }: Signed): boolean {
    const isIt = (own: Signed) => own.message.kind === kind && equalBytes(own.bytes, bytes);
    return [...this.#made].some(({ messages }) => messages.some(({ message }) => withOwn(message).some(isIt)));
  }
}

/** A message, and the nested ones of its sender. */
function withOwn(signed: Signed): readonly Signed[] {
  const { message } = signed;
  const nested = nestedIn(message);
  if (nested.length === 0 || !("replica" in message)) return [signed];
  const own = nested.filter((one) => "replica" in one.message && one.message.replica === message.replica);
  return [...own.flatMap(withOwn), signed];
}

/** The messages nested in a message. */
function nestedIn(message: Message): readonly Signed[] {
  switch (message.kind) {
    case "decision":
      return message.commits;
    case "stable-checkpoint":
      return message.checkpoints;
    case "view-change":
      return [
        ...message.suspicions,
        ...message.stable,
        ...message.prepared.flatMap(({ prePrepare, prepares }) => [prePrepare, ...prepares]),
      ];
    case "new-view":
      return [...message.viewChanges, ...message.prePrepares];
    default:
      return [];
  }
}

/** The stand-in signatures differ in their first bytes. */
function keyOf(signature: Uint8Array): number {
  let key = 0;
  for (let i = 0; i < 6; i++) key = 256 * key + signature[i]!;
  return key;
}

function isAmong(all: readonly (readonly Result[])[], results: readonly Result[]): boolean {
  return all.some((other) => equalResults(other, results));
}
