/**
 * A liar that signs whatever has the right types, against the core: in the normal case, in view changes, while states are fetched and
 * disks are recovered. Prints the seed that replays what fails.
 */
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import type { FetchedBlob, Ready } from "../../src/core/io.ts";
import type {
  AnyRequest,
  Batch,
  Message,
  ReplicaMessage,
  Signed,
  SignedRequest,
  Verified,
} from "../../src/core/messages/messages.ts";
import { mutateStructure } from "../../src/testing/adversary/structural_mutations.ts";
import { Random } from "../../src/testing/random.ts";
import { TestClient } from "../core/_client.ts";
import { Cluster } from "../core/_cluster.ts";
import { batchOf, hash, signedRequest } from "../core/_messages.ts";

/** What happens to the correct replicas while they are lied to. */
const SITUATIONS = ["normal", "view change", "state transfer", "lost disk", "catching up", "lost twice"] as const;
type Situation = typeof SITUATIONS[number];

export interface FuzzReport {
  lies: number;
  readonly thrown: string[];
  /** How often each kind was told, by situation. */
  readonly told: Map<string, number>;
}

/** Tells `lies` lies, from this seed on. */
export function fuzzCore(seed: number, lies: number): FuzzReport {
  const report: FuzzReport = { lies: 0, thrown: [], told: new Map() };
  for (let i = seed; report.lies < lies && report.thrown.length < 5; i++) {
    const situation = SITUATIONS[i % SITUATIONS.length]!;
    try {
      new LyingCluster(i, situation, report).run(Math.min(5_000, lies - report.lies));
    } catch (error) {
      report.thrown.push(`seed ${i} (${situation}), after lies: ${(error as Error).stack}`);
    }
  }
  return report;
}

class LyingCluster {
  readonly #random: Random;
  readonly #cluster: Cluster;
  readonly #liar: ReplicaId;
  /** What was heard, by kind: a bounded sample. Not of other clusters: what is signed for one is nothing to another. */
  readonly #heard = new Map<Message["kind"], Message[]>();
  readonly #batches: Batch[] = [];
  readonly #blobs: FetchedBlob[] = [];
  readonly #ada: TestClient;
  #left = 0;
  readonly #owed: ReplicaId[] = [];
  #isSilent = false;

  constructor(readonly seed: number, readonly situation: Situation, readonly report: FuzzReport) {
    this.#random = new Random(seed);
    this.#liar = this.#random.pick([0, 1, 3]) as ReplicaId;
    this.#cluster = new Cluster({
      seed,
      checkpointInterval: 4,
      limits: { maxSessions: 4, maxNames: 4, sessionWindow: 8 },
    });
    this.#ada = new TestClient(this.#cluster, 1);
  }

  run(lies: number): void {
    this.#left = lies;
    const cluster = this.#cluster;
    const ada = this.#ada.open();
    cluster.onStep = (host, _input, ready) => this.#hear(host.id, ready);
    const victim = 2;
    // First it only listens, to a view change and a few checkpoints among others.
    this.#isSilent = true;
    for (let i = 0; i < 8; i++) ada.call([`w=${i}`]);
    if (this.situation !== "normal") this.#leave(1);
    ada.call(["w=9"]);
    this.#isSilent = false;
    for (let round = 0; this.#left > 0 && round < 200 && this.report.thrown.length < 5; round++) {
      if (this.situation !== "normal") this.#trouble(victim, round);
      for (let i = 0; i < 3; i++) {
        cluster.submit(ada.request([`k${i}=${round}`]));
        for (let ms = this.#random.int(1, 60); ms > 0; ms -= 5) {
          cluster.runFor(5);
          // What it provokes is not answered with more.
          for (const from of this.#owed.splice(0)) if (this.#left > 0) this.#lie(from);
          this.#owed.length = 0;
        }
      }
    }
  }

  #trouble(victim: number, round: number): void {
    const cluster = this.#cluster;
    if (round % 10 === 9) this.#leave(1);
    const away = this.situation === "catching up" ? 2 : 6;
    switch (this.situation) {
      case "view change":
        return this.#leave(round);
      case "state transfer":
      case "catching up":
        if (round % away === 0) cluster.crash(victim);
        if (round % away === away - 1) cluster.start(victim);
        return;
      case "lost disk":
        if (round % 12 === 0) cluster.loseDisk(victim);
        return;
      case "lost twice":
        if (round % 5 === 0) cluster.loseDisk(victim);
    }
  }

  /** Nobody hears the primary for a while. */
  #leave(round: number): void {
    const cluster = this.#cluster;
    if (round % 4 !== 1) return;
    const primary = Math.max(...cluster.hosts.map(({ replica }) => replica?.status().view ?? 0)) % 4;
    cluster.filter = (from) => from !== primary;
    cluster.submit(this.#ada.request([`left=${round}`]));
    cluster.runFor(900);
    cluster.filter = () => true;
  }

  /** What a correct replica says the liar may take up, and twist. */
  #hear(from: ReplicaId, ready: Ready): void {
    for (const { message, batch } of ready.messages) {
      const { kind } = message.message;
      const same = this.#heard.get(kind) ?? [];
      this.#heard.set(kind, same);
      keep(same, message.message, this.#random);
      if (batch) keep(this.#batches, batch, this.#random);
    }
    for (const record of ready.records) {
      if (record.kind !== "blobs") continue;
      for (const [digest, bytes] of record.blobs) keep(this.#blobs, { digest, bytes }, this.#random);
    }
    // Its lies come between two steps: what this one wants recorded is not on the disk yet.
    if (!this.#isSilent) this.#owed.push(...new Array(this.#random.int(0, 12)).fill(from));
  }

  #lie(from: ReplicaId): void {
    const cluster = this.#cluster;
    const random = this.#random;
    const to = random.chance(0.7) && from !== this.#liar
      ? from
      : random.pick([0, 1, 2, 3].filter((id) => id !== this.#liar));
    if (!cluster.host(to).replica) return;
    this.#left--;
    this.report.lies++;
    let what = "blobs";
    const notes: string[] = [];
    try {
      if (random.chance(0.1)) cluster.step(to, { kind: "blobs", from: this.#liar, blobs: this.#twistedBlobs(to) });
      else {
        const message = this.#twisted(random.pick(random.pick([...this.#heard.values()])), notes);
        what = message.kind;
        this.#deliver(to, message);
      }
    } catch (error) {
      const { stack } = error as Error;
      this.report.thrown.push(
        `seed ${this.seed} (${this.situation}), ${what}, ${notes}: ${stack?.split("\n").slice(0, 4).join("\n")}`,
      );
    }
    const key = `${this.situation}: ${what}`;
    this.report.told.set(key, (this.report.told.get(key) ?? 0) + 1);
  }

  #deliver(to: number, message: Message): void {
    const random = this.#random;
    if (message.kind === "request" || message.kind === "gateway-request") {
      return void this.#cluster.step(to, { kind: "request", request: signedRequest(message) });
    }
    const batch = message.kind === "pre-prepare" && random.chance(0.8) ? this.#twistedBatch() : undefined;
    // The gate takes a body only under its digest.
    const whole = batch && message.kind === "pre-prepare" ? { ...message, digest: batch.digest } : message;
    this.#cluster.deliver(to, signed(whole) as Signed<ReplicaMessage>, batch);
  }

  /** A message that the liar can sign, so that the gate lets it pass. */
  #twisted(message: Message, notes: string[]): Message {
    const random = this.#random;
    const mine = message.kind === "request" || message.kind === "query" || !("replica" in message)
      ? message
      : { ...message, replica: this.#liar } as Message;
    const twisted = random.chance(0.1) ? mine : mutateStructure(mine, random, {
      spare: [...this.#heard.values()].map((same) => random.pick(same)),
      note: (what) => notes.push(what),
      resign: (changed, before) => {
        const nested = before.message as ReplicaMessage;
        return nested.replica === this.#liar
          ? signed({ ...changed.message, replica: this.#liar } as ReplicaMessage)
          : before;
      },
    });
    if ("replica" in twisted) return { ...twisted, replica: this.#liar } as Message;
    return wellFormed(twisted, this.#liar) ?? mine;
  }

  #twistedBatch(): Verified<Batch> {
    const random = this.#random;
    const { limits } = this.#cluster.genesis;
    const known = random.chance(0.7) && this.#batches.length > 0 ? random.pick(this.#batches).requests : [];
    const lists = [
      known,
      [...known, ...known],
      [...known].reverse(),
      known.slice(1),
      [...known, ...this.#request()],
      this.#request(),
    ];
    const now = this.#cluster.now;
    const times = [0, 1, now, now - 3_600_000, now + limits.maxClockSkewMs, now + 3_600_000, Number.MAX_SAFE_INTEGER];
    return batchOf(random.pick(times), random.pick(lists).slice(0, limits.maxBatchRequests));
  }

  #request(): readonly SignedRequest[] {
    const requests = [...this.#heard.get("request") ?? [], ...this.#heard.get("gateway-request") ?? []] as AnyRequest[];
    if (requests.length === 0) return [];
    const twisted = mutateStructure(this.#random.pick(requests), this.#random);
    const passing = wellFormed(twisted, this.#liar);
    return passing ? [signedRequest(passing as AnyRequest)] : [];
  }

  /** Blobs that somebody asked for, others, each in any order and number; each under its digest, as the gate computes it. */
  #twistedBlobs(to: number): readonly FetchedBlob[] {
    const random = this.#random;
    const { blobs } = this.#cluster.host((to + 1) % 4).disk;
    const own = [...blobs.keys()].slice(-24);
    const one = (): FetchedBlob => {
      const batch = random.chance(0.3) && this.#batches.length > 0 ? random.pick(this.#batches) : null;
      if (batch) return { digest: batch.digest, bytes: batch.bytes, batch: batch as Verified<Batch> };
      if (random.chance(0.7) && own.length > 0) {
        const digest = random.pick(own);
        return { digest, bytes: blobs.get(digest)! };
      }
      if (random.chance(0.7) && this.#blobs.length > 0) return random.pick(this.#blobs);
      const bytes = new Uint8Array(random.int(0, 40)).map(() => random.int(0, 255));
      return { digest: hash(bytes), bytes };
    };
    const some = Array.from({ length: random.int(0, 12) }, one);
    return random.pick([some, [...some, ...some], some.flatMap((blob) => [blob, blob]), [...some].reverse()]);
  }
}

/** A request as the gate lets it pass: with operations, but where it opens a session; a vouched one is the liar's own. */
function wellFormed(message: Message, liar: ReplicaId): Message | null {
  if (message.kind === "gateway-request") return message.operations.length > 0 ? { ...message, gateway: liar } : null;
  if (message.kind !== "request") return message;
  return (message.session === 0) === (message.operations.length === 0) ? message : null;
}

let count = 0;

/** As if it were signed: with bytes of its own. */
function signed<M extends Message>(message: M): Verified<Signed<M>> {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, ++count);
  return { message, bytes, signature: new Uint8Array(64) } as unknown as Verified<Signed<M>>;
}

/** A bounded sample. */
function keep<T>(list: T[], item: T, random: Random): void {
  if (list.length < 100) list.push(item);
  else list[random.int(0, 99)] = item;
}
