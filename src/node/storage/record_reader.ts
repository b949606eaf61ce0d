/**
 * Decodes the records of a store.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import { type Contradiction, isContradiction, type Statement } from "../../core/messages/evidence.ts";
import type { Digest, SequenceNumber, View } from "../../core/messages/ids.ts";
import type { Plain } from "../../core/io.ts";
import type {
  Checkpoint,
  Commit,
  Message,
  NewView,
  Prepare,
  PrePrepare,
  Signed,
  Suspicion,
  Verified,
  ViewChange,
} from "../../core/messages/messages.ts";
import type { Record, StoredState, ViewState } from "../../core/records.ts";
import { decodeFrame, unpack, type WireLimits, wireLimits } from "../../wire/mod.ts";
import { type Kept, readKept } from "../durable/kept_inputs.ts";
import { lostDiskOf } from "./lost_disk_record.ts";
import type { Loaded } from "../ports.ts";
import { type BodyRecord, FETCHED, keyOf } from "./record_writer.ts";
import { CorruptStoreError } from "./store_errors.ts";

/** An executed sequence number, without the batch body. */
interface Decided {
  readonly sequence: SequenceNumber;
  readonly digest: Digest;
  readonly commits: readonly Verified<Signed<Commit>>[];
}

/** The batches accepted earlier at a number, without the bodies. */
type Former = Omit<Extract<Record, { kind: "former" }>, "kind">;

/** Decodes the records of a store. */
export class RecordReader {
  readonly #records: Loaded["records"];
  readonly #limits: WireLimits;

  constructor(records: Loaded["records"], genesis: Genesis) {
    this.#records = records;
    this.#limits = wireLimits(genesis);
  }

  plain(key: string): Plain | undefined {
    const bytes = this.#records.get(key);
    return bytes && parse(key, () => unpack(bytes));
  }

  kept(hash: (bytes: Uint8Array) => Digest): Kept {
    const frame = (key: string, bytes: Uint8Array) => parse(key, () => decodeFrame(bytes, this.#limits).signed);
    return parse("kept inputs", () => readKept(this.#records, frame, hash));
  }

  view(): ViewState {
    const [view, viewChange, newView] = (this.plain("view") ?? [0, [], []]) as [View, Plain[], Plain[]];
    return {
      view,
      viewChange: viewChange[0] === undefined ? null : this.#frame<ViewChange>("view", viewChange[0], "view-change"),
      newView: newView[0] === undefined ? null : this.#frame<NewView>("view", newView[0], "new-view"),
    };
  }

  suspicion(): Pick<StoredState, "suspicion"> {
    const plain = this.plain("suspicion");
    if (plain === undefined) return {};
    const [furthest, [frame]] = plain as [View, [Plain]];
    return { suspicion: { furthest, suspicion: this.#frame<Suspicion>("suspicion", frame, "suspicion") } };
  }

  accepted(): readonly Verified<Signed<PrePrepare>>[] {
    return this.#numbered("accepted").map(([key]) => this.#frame<PrePrepare>(key, this.plain(key)!, "pre-prepare"));
  }

  /** The batches accepted earlier, in former views. */
  former(): readonly Former[] {
    return this.#numbered("former").map(([key, sequence]) => {
      const bodies = this.#list(key) as (readonly [View, Digest])[];
      return { sequence, bodies: bodies.map(([view, digest]) => ({ view, digest })) };
    });
  }

  prepared(): StoredState["prepared"] {
    return this.#numbered("prepared").map(([key]) => {
      const [prePrepare, ...prepares] = this.#list(key);
      return {
        prePrepare: this.#frame<PrePrepare>(key, prePrepare!, "pre-prepare"),
        prepares: prepares.map((prepare) => this.#frame<Prepare>(key, prepare, "prepare")),
      };
    });
  }

  stable(): StoredState["stable"] {
    return this.#list("stable").map((checkpoint) => this.#frame<Checkpoint>("stable", checkpoint, "checkpoint"));
  }

  committed(): readonly Decided[] {
    return this.#numbered("committed").map(([key, sequence]) => {
      const [digest, commits] = this.plain(key) as [Digest, Plain[]];
      return { sequence, digest, commits: commits.map((commit) => this.#frame<Commit>(key, commit, "commit")) };
    });
  }

  /** The offset of the agreed time from the clock; empty if there was none. */
  clock(): Pick<StoredState, "clockOffset"> {
    const plain = this.plain("clock");
    if (plain === undefined) return {};
    const [ahead, behind] = plain as readonly [number, number];
    return { clockOffset: ahead - behind };
  }

  /** The highest number that may have been used; empty if none was. */
  numbers(): Pick<StoredState, "numbers"> {
    const plain = this.plain("numbers");
    return plain === undefined ? {} : { numbers: plain as number };
  }

  /** The recovery state of a replica that lost its disk; empty if it did not. */
  lostDisk(): Pick<StoredState, "lostDisk"> {
    const plain = this.plain("lost-disk");
    return plain === undefined ? {} : { lostDisk: parse("lost-disk", () => lostDiskOf(plain)) };
  }

  evidence(): readonly Contradiction[] {
    return [...this.#records.keys()].filter((key) => key.startsWith("evidence/")).sort().map((key) => {
      const [first, second] = this.#list(key).map((frame) => {
        return parse(
          key,
          () => decodeFrame(frame as Uint8Array, this.#limits).signed as Signed<Statement>,
        );
      });
      if (first && second && isContradiction(first, second)) return { first, second };
      throw new CorruptStoreError(`${key}: expected two messages that contradict each other`);
    });
  }

  checkpoint(): StoredState["checkpoint"] {
    const plain = this.plain("checkpoint") as [SequenceNumber, Digest] | undefined;
    return plain && { sequence: plain[0], root: plain[1] };
  }

  fetched(): { readonly keys: readonly string[]; readonly digests: readonly Digest[] } {
    const keys = [...this.#records.keys()].filter((key) => key.startsWith(FETCHED)).sort();
    return { keys, digests: keys.flatMap((key) => this.#list(key) as Digest[]) };
  }

  retired(): StoredState["retired"] {
    return this.#numbered("retired").map(([key, sequence]) => ({ sequence, digests: this.plain(key) as Digest[] }));
  }

  #list(key: string): readonly Plain[] {
    const list = this.plain(key) ?? [];
    if (Array.isArray(list)) return list;
    throw new CorruptStoreError(`${key}: expected a list`);
  }

  #frame<M extends Message>(key: string, frame: Plain, kind: M["kind"]): Verified<Signed<M>> {
    const { signed } = parse(key, () => decodeFrame(frame as Uint8Array, this.#limits));
    if (signed.message.kind === kind) return signed as Verified<Signed<M>>;
    throw new CorruptStoreError(`${key}: expected a ${kind}, got a ${signed.message.kind}`);
  }

  #numbered(kind: BodyRecord | "former" | "retired"): readonly (readonly [key: string, sequence: SequenceNumber])[] {
    return [...this.#records.keys()].filter((key) => key.startsWith(`${kind}/`)).sort().map((key) => {
      const sequence = Number(key.slice(kind.length + 1));
      if (keyOf(kind, sequence) !== key) throw new CorruptStoreError(`${key}: expected ${kind}/ and 16 digits`);
      return [key, sequence as SequenceNumber];
    });
  }
}

/** Calls `read`. An error becomes a {@linkcode CorruptStoreError}. */
export function parse<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new CorruptStoreError(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
