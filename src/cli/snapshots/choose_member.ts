/**
 * Which member a snapshot is saved from: one that has the newest state, and gives it in good time. What a slow member
 * has given is kept, so that going on with another one costs little.
 * @module
 */
import type { Trust } from "../../snapshot/trust.ts";
import { proveHead } from "../../snapshot/manifest.ts";
import type { SavedSnapshot, SnapshotSource } from "../../snapshot/save.ts";
import { SnapshotError } from "../../snapshot/snapshot_error.ts";
import { plainText } from "../check/answers.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import { bytesText } from "./words.ts";

/** A member that may give its state. */
export interface Member {
  readonly name: string;
  readonly source: SnapshotSource;
}

/** How members are chosen. */
export interface Choosing {
  readonly members: readonly Member[];
  readonly trust: Trust;
  /** Tells people why another member is asked. */
  readonly say: (line: string) => void;
  /** The time, ms. */
  readonly now?: () => number;
}

/** A member is judged whenever this process has waited for it this long, ms. */
const JUDGED_EVERY_MS = 5_000;
/** A member that gives at least this much is not exchanged for a member that was not tried, bytes a second. */
const ENOUGH = 1024 * 1024;
/** A member is exchanged for one that gave at least this many times as much. */
const MUCH_FASTER = 2;
/**
 * A member that gives less than this, over the first minute or later, counts as one that gives nothing, bytes a second.
 */
const LEAST = 8 * 1024;
const LEAST_AFTER_MS = 60_000;
/** Members that don't show their state in this time are asked last, ms. */
const HEADS_MS = 3_000;

/** A member, and what is known of it. */
interface Candidate extends Member {
  /** The number of the state that it has shown; -1: none. */
  readonly sequence: number;
  /** What it gave when it was judged last, bytes a second; `null` if it was not tried. */
  rate: number | null;
  /** Why it gives nothing. */
  refusal: string | null;
}

/** The member gives too little while another one may give more. */
class TooSlow extends Error {}

/**
 * Calls `save` with a member after another, until one gives all.
 * @throws {CliError} that says of each why not; and what the storage throws.
 */
export async function saveFromOneOf(
  { members, trust, say, now = () => performance.now() }: Choosing,
  save: (member: Member, least: number) => Promise<SavedSnapshot>,
): Promise<{ readonly saved: SavedSnapshot; readonly from: string }> {
  const candidates = await newestFirst(members, trust);
  for (let next = pick(candidates); next; next = pick(candidates)) {
    const candidate = next;
    try {
      const source = judged(candidate, candidates, now);
      return { saved: await save({ name: candidate.name, source }, candidate.sequence), from: candidate.name };
    } catch (error) {
      if (error instanceof TooSlow) say(`${candidate.name}: ${error.message}`);
      else if (error instanceof SnapshotError) candidate.refusal = plainText(reasonOf(error));
      else throw error;
    }
  }
  throw new CliError("no member gave its state", EXIT.unreachable, {
    looked: candidates.map(({ name, refusal }) => `${name}: ${refusal}`).join("\n  "),
    next: "start a member, or wait for its first stable checkpoint; from another machine give --read-token-file",
  });
}

/** The next one to ask: the first that was not tried, then the fastest. */
function pick(candidates: readonly Candidate[]): Candidate | null {
  const left = candidates.filter(({ refusal }) => refusal === null);
  const byRate = left.toSorted((a, b) => (b.rate ?? Infinity) - (a.rate ?? Infinity) || 0);
  return left.find(({ rate }) => rate === null) ?? byRate[0] ?? null;
}

/** The members by the states that they show. One that shows an old one may be behind, or lie. */
async function newestFirst(members: readonly Member[], trust: Trust): Promise<readonly Candidate[]> {
  const shown = await Promise.all(members.map(async (member): Promise<Candidate> => {
    const sequence = members.length > 1 ? await shownBy(member, trust) : -1;
    return { ...member, sequence, rate: null, refusal: null };
  }));
  return shown.sort((a, b) => b.sequence - a.sequence);
}

/** The number of the state that a member shows and proves; -1: none in time. */
async function shownBy({ source }: Member, trust: Trust): Promise<number> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<number>((resolve) => timer = setTimeout(() => resolve(-1), HEADS_MS));
  const shown = source.head().then(async (head) => (await proveHead(head, trust)).sequence as number);
  try {
    return await Promise.race([shown.catch(() => -1), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The source, whose errors are all the member's fault, and which is left when another one may be faster. */
function judged(self: Candidate, candidates: readonly Candidate[], now: () => number): SnapshotSource {
  /** In all, and since the member was judged. */
  const [all, lately] = [new Given(), new Given()];
  const timed = async <T>(ask: () => Promise<T>, sizeOf: (given: T) => number): Promise<T> => {
    const begun = now();
    let bytes = 0;
    try {
      const given = await ask();
      bytes = sizeOf(given);
      return given;
    } catch (error) {
      throw error instanceof SnapshotError ? error : new SnapshotError(reasonOf(error));
    } finally {
      for (const sum of [all, lately]) sum.add(bytes, now() - begun);
    }
  };
  const judge = () => {
    if (all.waitedMs >= LEAST_AFTER_MS && all.rate < LEAST) throw new SnapshotError(`gives ${all.text}: too little`);
    if (lately.waitedMs < JUDGED_EVERY_MS) return;
    const { rate, text } = lately;
    self.rate = rate;
    lately.clear();
    const others = candidates.filter((other) => other !== self && other.refusal === null);
    const isSlow = others.some((other) => other.rate === null ? rate < ENOUGH : other.rate > MUCH_FASTER * rate);
    if (isSlow) throw new TooSlow(`gives ${text}, so another member is asked`);
  };
  return {
    head: () => timed(() => self.source.head(), () => 0),
    async read(digests) {
      const given = await timed(
        () => self.source.read(digests),
        (blobs) => blobs.reduce((sum, blob) => sum + (blob?.length ?? 0), 0),
      );
      judge();
      return given;
    },
  };
}

/** What a member gave, and how long it was waited for. */
class Given {
  bytes = 0;
  waitedMs = 0;

  add(bytes: number, waitedMs: number): void {
    this.bytes += bytes;
    this.waitedMs += waitedMs;
  }

  clear(): void {
    this.bytes = this.waitedMs = 0;
  }

  /** Bytes a second. */
  get rate(): number {
    return this.bytes / this.waitedMs * 1_000;
  }

  get text(): string {
    return `${bytesText(Math.round(this.rate))} a second`;
  }
}
