/** One line per step that did something: who got what, what became of it, and what was said to whom, in the paper's words. */
import type { ReplicaEvent } from "../../src/core/events.ts";
import type { Digest } from "../../src/core/messages/ids.ts";
import type { Input, Outgoing, Ready } from "../../src/core/io.ts";
import type { Batch, Message, Signed, SignedRequest } from "../../src/core/messages/messages.ts";
import type { Host } from "../core/_cluster.ts";
import { batchOf } from "../core/_messages.ts";

/** Gives requests and batches short names, and writes down steps. */
export class Trace {
  readonly lines: string[] = [];
  /** Statuses and their answers are hidden unless a scenario is about them. */
  readonly shown: Set<string> = new Set();
  readonly #names = new Map<Digest, string>([[batchOf(0, []).digest, "null"]]);
  #muted = false;
  /** The hosts of the members in the epoch of the present step. */
  #members: readonly number[] = [];

  nameRequest(request: Pick<SignedRequest, "digest">, name: string): void {
    this.#names.set(request.digest, name);
  }

  nameOf(digest: Digest): string {
    return this.#names.get(digest) ?? digest.slice(0, 4);
  }

  noteBatch(batch: Batch | undefined): void {
    if (!batch || this.#names.has(batch.digest)) return;
    this.#names.set(batch.digest, batch.requests.map(({ digest }) => this.nameOf(digest)).join("+"));
  }

  #noteOpening({ message, digest }: SignedRequest): void {
    if (message.kind !== "request" || message.session !== 0) return;
    this.nameRequest({ digest }, `open-${String.fromCharCode(parseInt(message.client.slice(-2), 16))}`);
  }

  mute(muted: boolean): void {
    this.#muted = muted;
  }

  /** `members`: the hosts of the members in the epoch of `host`. */
  step(
    now: number,
    { id }: Host,
    members: readonly number[],
    input: Input,
    { messages, events, replies }: Ready,
  ): void {
    this.#members = members;
    if (input.kind === "request") this.#noteOpening(input.request);
    for (const { batch } of messages) this.noteBatch(batch);
    if ("batch" in input) this.noteBatch(input.batch);
    if (this.#muted || (input.kind === "status" && !this.shown.has("status"))) return;
    // A relayed request that was executed long ago is only answered.
    if (input.kind === "request" && messages.length === 0 && !this.shown.has("request")) return;
    const parts = [
      ...this.#merge(events.flatMap((event) => this.#event(event) ?? [])),
      ...this.#sends(messages),
      ...replies.map(({ reply }) => `replies to ${this.nameOf(reply.request)}`),
    ];
    if (parts.length > 0) {
      this.lines.push(`${String(now).padStart(5)}  r${id}  ${this.#input(input)}: ${parts.join("; ")}`);
    }
  }

  /** The name of a member, which is that of its host. */
  #who(replica: number): string {
    return `r${this.#members[replica] ?? replica}`;
  }

  #input(input: Input): string {
    switch (input.kind) {
      case "start":
        return "starts";
      case "alarm":
        return "alarm";
      case "request":
        return `request ${this.nameOf(input.request.digest)}`;
      case "pre-prepare":
        return `${this.say(input.prePrepare)} of ${this.#who(input.prePrepare.message.replica)}`;
      case "blobs":
        return `${input.blobs.length} blobs of ${this.#who(input.from)}`;
      default: {
        const signed = Object.entries(input).find(([key]) => key !== "kind")![1] as Signed;
        return `${this.say(signed)} of ${this.#who((signed.message as { replica: number }).replica)}`;
      }
    }
  }

  /** A message in short. */
  say({ message: m }: Signed): string {
    switch (m.kind) {
      case "pre-prepare":
      case "prepare":
      case "commit":
        return `${m.kind} ${m.sequence}=${this.nameOf(m.digest)}${m.view === 0 ? "" : ` in view ${m.view}`}`;
      case "decision":
        return m.commits[0]
          ? `decision ${m.commits[0].message.sequence}=${this.nameOf(m.commits[0].message.digest)}`
          : m.kind;
      case "checkpoint":
        return `checkpoint ${m.sequence}`;
      case "suspicion":
        return `suspicion of view ${m.view - 1} (${m.standing}, executed ${m.executed})`;
      case "view-change":
        return `view-change ${m.view} (${this.#p(m)})`;
      case "new-view":
        return `new-view ${m.view} (V ${m.viewChanges.map(({ message }) => this.#who(message.replica)).join(" ")}, O ${
          m.prePrepares.map(({ message }) => `${message.sequence}=${this.nameOf(message.digest)}`).join(" ") || "empty"
        })`;
      case "status":
        return `status (view ${m.view}, stable ${m.stable}, executed ${m.executed})`;
      case "fetch":
        return `fetch of ${m.digests.length === 1 ? this.#blob(m.digests[0]!) : `${m.digests.length} blobs`}`;
      default:
        return m.kind;
    }
  }

  #blob(digest: Digest): string {
    return this.#names.get(digest) ?? "1 blob";
  }

  #p({ stable, prepared }: Extract<Message, { kind: "view-change" }>): string {
    const p = prepared.map(({ prePrepare: { message: m } }) =>
      `${m.sequence}=${this.nameOf(m.digest)} of view ${m.view}`
    );
    return `stable ${stable[0]?.message.sequence ?? 0}, P ${p.join(", ") || "empty"}`;
  }

  #sends(messages: readonly Outgoing[]): string[] {
    const sent: string[] = [];
    for (const { to, message, batch } of messages) {
      const { kind } = message.message;
      if ((kind === "status" || kind === "request") && !this.shown.has(kind)) continue;
      const what = kind === "request" ? `request ${this.nameOf((message as SignedRequest).digest)}` : this.say(message);
      const line = `sends ${what}${kind === "pre-prepare" && !batch ? " without its body" : ""} to ${
        to === "all" ? "all" : this.#who(to)
      }`;
      const same = sent.indexOf(line);
      if (same < 0) sent.push(line);
    }
    return sent;
  }

  #event(event: ReplicaEvent): string | null {
    switch (event.kind) {
      case "request-received":
        return null;
      case "stage":
        return `${event.stage} ${event.sequence}`;
      case "checkpoint-taken":
        return null;
      case "checkpoint-stable":
        return `stable ${event.sequence}`;
      case "configured":
        return `epoch ${event.epoch} begins after ${event.closesAt}`;
      case "epoch-closed":
        return `goes on to epoch ${event.epoch}`;
      case "migrated":
        return `has the state of ${event.version} at ${event.sequence}`;
      case "migration-failed":
        return `cannot migrate to ${event.version} at ${event.sequence}`;
      case "version-missing":
        return `lacks ${event.version}`;
      case "old-copy":
        return `does not know of its ${event.message} on ${event.sequence}`;
      case "repaired":
        return `stores ${event.blobs} damaged blobs again`;
      case "recovered":
        return "votes again";
      case "suspicion":
        return `speaks of view ${event.view}: ${event.why}`;
      case "view-change":
        return `leaves for view ${event.view}: ${event.why}`;
      case "new-view":
        return `enters view ${event.view} of ${this.#who(event.primary)}`;
      case "state-transfer":
        return `state transfer to ${event.sequence} ${event.phase}`;
      case "contradiction":
        return `keeps as evidence what ${this.#who(event.accused)} said twice: ${event.message} ${event.sequence ?? ""}`
          .trimEnd();
      case "operation-failed":
        return `operation failed`;
      case "discarded":
        return this.shown.has("discards") ||
            (event.reason !== "duplicate" && event.reason !== "already-executed" && event.reason !== "too-soon")
          ? `discards it: ${event.reason}`
          : null;
    }
  }

  #merge(parts: string[]): string[] {
    return parts.filter((part, i) => part !== parts[i - 1]);
  }
}
