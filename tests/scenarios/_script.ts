/**
 * The language of the scenarios. A scenario is a text file: a first line in prose (`# …`), then blocks of commands, each with `----`
 * and the trace that it gave under it. Commands:
 *
 * - `start n=4 [k=8] [spares=3]`: a cluster with a checkpoint every k numbers, whose messages take 1 ms each, and hosts that are no members
 *   yet; `open a b`: clients, each with a session.
 * - `submit a x=1 [to 1 2]`: client a's next request, `a1`, reaches these replicas, or all; `again a1 [to …]`.
 * - `crash 0 …`, `restart 0 …`, `cut 3 … ` (from the rest), `drop KIND [from 0 …] [to 3 …]`, `heal` (ends both).
 * - `run 100` (ms), `run until executed 3 [at 1 2]`, `run until view 1 [at …]`, `run until stable 8 [at …]`, `run until answered a1`.
 * - `forge pre-prepare 0 v=0 n=3 a1 to 1 2`, `forge prepare|commit 0 v=0 n=3 a1 to …`, `forge view-change 3 v=9 to …`,
 *   `forge checkpoint 3 n=8 to …`: what a faulty replica could sign. `null` names the null request.
 * - `replay KIND [from 2] [v=1] to 3 …`: what was once said, again.
 * - `tamper new-view v=1 O=empty|null|shifted|V=few|doubled|stripped to 2 …`: the last one, changed by its signer.
 * - `lie 1 2`: these answer fetches with something else. (`drop blobs from 1`: it stalls.)
 * - `show KIND`, `hide KIND`: statuses, relayed requests and `discards` of duplicates; `mute`, `unmute`: nothing at all.
 * - `status`, `answers`, `logs x`: what each replica says of itself, what clients were answered, what was executed.
 * - `clock 0 +5300`: a replica's clock is off.
 * - `configure a [members 1 2 3 4] [rotate 0 1] [k=4] [l=16] [batch=1] [machine=log/2] [epoch=1] [by 0 1 2] [to …]`: client a's next request is
 *   a configuration for the next epoch (or `epoch`), approved by these members of the last one, by default a quorum.
 * - `join 4`: a host without a store starts in the last epoch; `follow 3`: somebody shows this host the next link; `lose 2`: a disk.
 * - `give 4 5 from 0`: these start in the last epoch with the state of another one.
 * - `lack 3 …`: these hosts lack every further version of the state machine; without numbers: nobody does. A migration writes its number at the
 *   beginning of each log. That to `machine=log/fails` throws.
 * - `stay 3 …`: these hosts do not go on by themselves when their epoch is over. `run until epoch 1 [at …]`.
 */
import { assert } from "@std/assert";
import type { Digest, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type {
  Batch,
  NewView,
  PrePrepare,
  Signed,
  SignedRequest,
  Suspicion,
  Verified,
} from "../../src/core/messages/messages.ts";
import { TestClient } from "../core/_client.ts";
import { Cluster } from "../core/_cluster.ts";
import { batchOf, show, signed, suspicionsOf } from "../core/_messages.ts";
import { watchSafety } from "../core/_safety.ts";
import type { Migrate } from "../../src/core/epochs/migrate.ts";
import { fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { Configuring } from "./_configuring.ts";
import { Trace } from "./_trace.ts";

interface Rule {
  readonly kind: string;
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** Their own, so that a change of the defaults changes no trace. */
const SETTINGS = {
  pipelineDepth: 4,
  statusIntervalMs: 150,
  idleStatusMs: 2_000,
  viewTimeoutMs: 600,
  slowPrimaryMs: 2_000,
};

const ids = (words: readonly string[]) => words.map(Number);

/** Each log of the next version begins with the number at which it was made. */
const marking: Migrate = (chunks, { sequence }) =>
  [...chunks].map(([id, chunk]) => [id, utf8(`made-at-${sequence},${fromUtf8(chunk)}`)] as const);

const failing: Migrate = () => {
  throw new Error("this migration fails");
};

/** One scenario as it runs. */
export class Script {
  #cluster: Cluster | null = null;
  #start = 0;
  readonly #trace = new Trace();
  readonly #clients = new Map<string, TestClient>();
  readonly #requests = new Map<string, Verified<SignedRequest>>();
  readonly #said: (Signed & { readonly batch?: Batch })[] = [];
  #cut: ReadonlySet<number> = new Set();
  #rules: Rule[] = [];
  #liars: readonly number[] = [];
  #stay: readonly number[] = [];
  #lacking: readonly number[] = [];
  /** The epochs that somebody has closed. */
  readonly #closed = new Set<number>();
  readonly #configuring = new Configuring();

  /** Runs one command and returns what it gave. */
  run(command: string): readonly string[] {
    const [verb, ...words] = command.trim().split(/\s+/);
    this.#trace.lines.length = 0;
    const said = this.#do(verb!, words);
    return [...this.#trace.lines, ...said ?? []];
  }

  get cluster(): Cluster {
    assert(this.#cluster, "expected `start` first");
    return this.#cluster;
  }

  #do(verb: string, words: string[]): readonly string[] | void {
    const at = words.indexOf("to");
    const to = at < 0 ? null : ids(words.slice(at + 1));
    const args = at < 0 ? words : words.slice(0, at);
    switch (verb) {
      case "start":
        return this.#begin(options(words));
      case "open":
        return this.#open(words);
      case "submit":
        return this.#submit(args, to);
      case "again":
        return this.#hand(this.#request(args[0]!), to);
      case "crash":
        return ids(words).forEach((id) => this.cluster.crash(id));
      case "restart":
        return ids(words).forEach((id) => this.cluster.start(id));
      case "configure":
        return this.#configure(args, to);
      case "join":
        return ids(words).forEach((id) => this.cluster.join(id));
      case "follow":
        return ids(words).forEach((id) => this.#follow(id));
      case "give":
        return this.#give(words);
      case "stay":
        this.#stay = ids(words);
        return;
      case "lack":
        this.#lacking = ids(words);
        return;
      case "lose":
        return ids(words).forEach((id) => this.cluster.loseDisk(id));
      case "cut":
        this.#cut = new Set(ids(words));
        return;
      case "drop":
        return this.#drop(words);
      case "heal":
        this.#cut = new Set();
        this.#rules = [];
        return;
      case "run":
        return this.#run(words);
      case "forge":
        return this.#forge(args, to!);
      case "replay":
        return this.#replay(args, to!);
      case "tamper":
        return this.#tamper(args, to!);
      case "lie":
        this.#liars = ids(words);
        return;
      case "show":
        return words.forEach((word) => this.#trace.shown.add(word));
      case "hide":
        return words.forEach((word) => this.#trace.shown.delete(word));
      case "mute":
      case "unmute":
        return this.#trace.mute(verb === "mute");
      case "clock":
        this.cluster.host(Number(words[0])).clockSkewMs = Number(words[1]);
        return;
      case "status":
        return this.#status();
      case "answers":
        return [...this.#requests].map(([name, { digest }]) => this.#answer(name, digest));
      case "logs":
        return this.cluster.hosts.map(({ id, replica, machine }) =>
          `r${id}: ${replica ? `${words[0]} = ${machine.logs.get(words[0]!)?.join(" ") ?? "nothing"}` : "down"}`
        );
      case "alike":
        this.cluster.assertAlike();
        return ["all alike"];
      default:
        throw new TypeError(`unknown command ${verb}`);
    }
  }

  #begin({ n = "4", k = "8", spares = "0", ...settings }: Record<string, string>): void {
    const numbers = Object.entries(settings).map(([name, value]) => [name, Number(value)]);
    this.#cluster = new Cluster({
      n: Number(n),
      checkpointInterval: Number(k),
      maxLatencyMs: 1,
      spares: Number(spares),
      publicKeyOf: (id) => this.#configuring.publicKeyOf(id),
      rules: (genesis) => this.#configuring.rulesFrom(genesis),
      migration: (host, version) => this.#lacking.includes(host) ? null : version === "log/fails" ? failing : marking,
      settings: { ...SETTINGS, ...Object.fromEntries(numbers) },
    });
    watchSafety(this.cluster);
    const cluster = this.cluster;
    const before = cluster.onStep;
    cluster.onStep = (host, input, ready) => {
      before(host, input, ready);
      if (ready.closed) this.#closed.add(host.epoch);
      for (const { message, batch } of ready.messages) {
        this.#said.push({ ...message as Signed, ...(batch ? { batch } : {}) });
      }
      this.#trace.step(cluster.now - this.#start, host, cluster.epochs[host.epoch]!.members, input, ready);
    };
    cluster.follows = ({ id }) => !this.#stay.includes(id);
    cluster.filter = (from, to, message) =>
      this.#cut.has(from) === this.#cut.has(to) &&
      !this.#rules.some((rule) =>
        (rule.kind === "all" || rule.kind === message.kind) && (rule.from.length === 0 || rule.from.includes(from)) &&
        (rule.to.length === 0 || rule.to.includes(to))
      );
    cluster.serves = (from, blobs) =>
      this.#liars.includes(from)
        ? blobs.map(() => ({ digest: "0".repeat(64) as Digest, bytes: new Uint8Array(3) }))
        : blobs;
  }

  /** Opens sessions; how is no part of the trace, and the clock starts anew. */
  #open(names: readonly string[]): readonly string[] {
    this.#trace.mute(true);
    const sessions = names.map((name) => {
      const client = new TestClient(this.cluster, name.charCodeAt(0)).open();
      this.#clients.set(name, client);
      return `${name} has session ${client.session}`;
    });
    this.cluster.runFor(100);
    this.#trace.mute(false);
    this.#start = this.cluster.now;
    return sessions;
  }

  #submit([client, ...operations]: string[], to: readonly number[] | null): void {
    this.#ask(client!, this.#clients.get(client!)!.request(operations), to);
  }

  #give(words: readonly string[]): void {
    const at = words.indexOf("from");
    const { disk } = this.cluster.host(Number(words[at + 1]));
    for (const id of ids(words.slice(0, at))) {
      this.cluster.host(id).disk = disk.nextEpoch();
      this.cluster.join(id);
    }
  }

  /** Shows a host the next link, if its present epoch is not the last one that anybody could know. */
  #follow(id: number): void {
    const { epoch } = this.cluster.host(id);
    const isKnown = epoch + 1 < this.cluster.epochs.length;
    assert(isKnown || this.#closed.has(epoch), `epoch ${epoch}, in which replica ${id} is, is over`);
    this.cluster.follow(id);
  }

  #configure(words: string[], to: readonly number[] | null): void {
    const operation = this.#configuring.operation(words.slice(1), this.cluster.epochs.length - 1);
    this.#ask(words[0]!, this.#clients.get(words[0]!)!.request([operation]), to);
  }

  #ask(client: string, request: Verified<SignedRequest>, to: readonly number[] | null): void {
    const name = `${client}${request.message.kind === "request" ? request.message.timestamp : ""}`;
    this.#requests.set(name, request);
    this.#trace.nameRequest(request, name);
    this.#hand(request, to);
  }

  #hand(request: Verified<SignedRequest>, to: readonly number[] | null): void {
    this.cluster.submit(request, to ?? undefined);
  }

  #request(name: string): Verified<SignedRequest> {
    const request = this.#requests.get(name);
    assert(request, `expected a request that was submitted, got ${name}`);
    return request;
  }

  #drop([kind, ...words]: string[]): void {
    const [from, to]: [number[], number[]] = [[], []];
    let list: number[] = from;
    for (const word of words) {
      if (word === "from" || word === "to") list = word === "from" ? from : to;
      else list.push(Number(word));
    }
    this.#rules.push({ kind: kind!, from, to });
  }

  #run(words: string[]): void {
    if (words[0] !== "until") return this.cluster.runFor(Number(words[0]));
    const [, what, value, at, ...where] = words;
    const hosts = () =>
      at ? ids(where).map((id) => this.cluster.host(id)) : this.cluster.hosts.filter((h) => h.replica);
    const all = (test: (status: ReturnType<typeof statusOf>) => boolean) =>
      hosts().every((host) => test(statusOf(host)));
    const done: Record<string, () => boolean> = {
      executed: () => all((s) => s.lastExecuted >= Number(value)),
      view: () => all((s) => s.active && s.view >= Number(value)),
      left: () => all((s) => s.view >= Number(value)),
      suspected: () =>
        hosts().every(({ disk }) =>
          disk.suspicion?.suspicion.message.standing === "suspects" &&
          disk.suspicion.suspicion.message.view >= Number(value)
        ),
      stable: () => all((s) => s.lowWatermark >= Number(value)),
      epoch: () =>
        (at ? ids(where) : this.cluster.epochs.at(-1)!.members).every((id) =>
          this.cluster.host(id).epoch >= Number(value)
        ),
      answered: () => this.cluster.accepted(this.#request(value!).digest) !== null,
    };
    assert(done[what!], `expected executed, view, left, suspected, stable, epoch or answered, got ${what}`);
    this.cluster.runUntil(done[what!]!, 60_000, words.join(" "));
  }

  #forge([kind, who, ...rest]: string[], to: readonly number[]): void {
    const { v = "0", n = "0" } = options(rest);
    const [replica, view, sequence] = [Number(who) as ReplicaId, Number(v) as View, Number(n) as SequenceNumber];
    const content = rest.filter((word) => !word.includes("="));
    const batch = batchOf(this.#start, content.filter((name) => name !== "null").map((name) => this.#request(name)));
    const known = content.includes("null") ? batchOf(0, []) : batch;
    this.#trace.noteBatch(known);
    const { digest } = known;
    for (const id of to) {
      switch (kind) {
        case "pre-prepare":
          this.cluster.deliver(id, signed({ kind, replica, view, sequence, digest }), known);
          break;
        case "prepare":
        case "commit":
          this.cluster.deliver(id, signed({ kind, replica, view, sequence, digest }));
          break;
        case "view-change":
          // A liar can sign suspicions of its own, no others.
          this.cluster.deliver(
            id,
            signed({ kind, replica, view, stable: [], prepared: [], suspicions: suspicionsOf(view, [replica]) }),
          );
          break;
        case "suspicion": {
          const { executed = "0", number = "1" } = options(rest);
          const standing = rest.find((word) => word === "withdrawn" || word === "agrees") ?? "suspects";
          const said = { replica, view, executed: Number(executed) as SequenceNumber, number: Number(number) };
          this.cluster.deliver(id, signed<Suspicion>({ kind, ...said, standing: standing as Suspicion["standing"] }));
          break;
        }
        case "checkpoint":
          this.cluster.deliver(id, signed({ kind, replica, sequence, digest: "f".repeat(64) as Digest }));
          break;
        default:
          throw new TypeError(`can't forge ${kind}`);
      }
    }
  }

  #replay([kind, ...words]: string[], to: readonly number[]): void {
    const { v } = options(words);
    const from = words.includes("from") ? Number(words[words.indexOf("from") + 1]) : null;
    const old = this.#said.filter(({ message: m }) =>
      m.kind === kind && (from === null || (m as { replica?: number }).replica === from) &&
      (v === undefined || (m as { view?: number }).view === Number(v))
    );
    assert(old.length > 0, `expected that ${kind} was said`);
    old.sort((a, b) => Number(a.batch !== undefined) - Number(b.batch !== undefined)); // the whole one stays
    const distinct = [...new Map(old.map((message) => [JSON.stringify(message.message), message])).values()];
    for (const id of to) for (const { batch, ...message } of distinct) this.cluster.deliver(id, message, batch);
  }

  #tamper(words: string[], to: readonly number[]): void {
    const { v, O, V } = options(words);
    const last = this.#said.findLast(({ message: m }) => m.kind === "new-view" && m.view === Number(v));
    assert(last, `expected a new-view for ${v}`);
    const lie = signed(tampered(last.message as NewView, O ?? `V ${V}`));
    for (const id of to) this.cluster.deliver(id, lie);
  }

  #answer(name: string, digest: Digest): string {
    const replicas = [...this.cluster.replies.get(digest)?.keys() ?? []].sort().map((id) => `r${id}`).join(" ");
    const results = this.cluster.accepted(digest)?.map(show).join(", ");
    return `${name}: ${results ?? "not answered"}${replicas ? ` (${replicas})` : ""}`;
  }

  #isMember({ id, epoch }: Cluster["hosts"][number]): boolean {
    return this.cluster.epochs[epoch]!.members.includes(id);
  }

  #status(): readonly string[] {
    return this.cluster.hosts.map((host) => {
      if (!host.replica) return `r${host.id}: ${this.#isMember(host) ? "down" : `no member in epoch ${host.epoch}`}`;
      const { view, active, lastExecuted, lowWatermark, highWatermark, slots, pendingRequests, recovering } = host
        .replica.status();
      const open = slots.filter(({ sequence }) => sequence > lastExecuted).map((s) => ` ${s.sequence} ${s.stage}`);
      return `r${host.id}: ${host.epoch === 0 ? "" : `in epoch ${host.epoch}, `}${
        active ? "in" : "on its way to"
      } view ${view}, executed ${lastExecuted}, within (${lowWatermark}, ${highWatermark}], ` +
        `${pendingRequests} requests wait${recovering ? ", has lost its disk" : ""}${
          open.length > 0 ? `,${open}` : ""
        }`;
    });
  }
}

function statusOf(host: Cluster["hosts"][number]) {
  assert(host.replica, `replica ${host.id} is up`);
  return host.replica.status();
}

function options(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.filter((word) => word.includes("=")).map((word) => word.split("=")));
}

function tampered(honest: NewView, how: string): NewView {
  const again = (change: (p: PrePrepare) => PrePrepare) =>
    honest.prePrepares.map(({ message }) => signed(change(message)));
  switch (how) {
    case "empty":
      return { ...honest, prePrepares: [] };
    case "null":
      return { ...honest, prePrepares: again((p) => ({ ...p, digest: batchOf(0, []).digest })) };
    case "shifted":
      return { ...honest, prePrepares: again((p) => ({ ...p, sequence: (p.sequence + 1) as SequenceNumber })) };
    case "reversed":
      return { ...honest, prePrepares: [...honest.prePrepares].reverse() };
    case "longer": {
      const last = honest.prePrepares.at(-1)!.message;
      const more = signed({ ...last, sequence: (last.sequence + 1) as SequenceNumber });
      return { ...honest, prePrepares: [...honest.prePrepares, more] };
    }
    case "V few":
      return { ...honest, viewChanges: honest.viewChanges.slice(1) };
    case "V doubled":
      return { ...honest, viewChanges: honest.viewChanges.map(() => honest.viewChanges[0]!) };
    default:
      throw new TypeError(`can't tamper by ${how}`);
  }
}
