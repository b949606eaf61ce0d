/**
 * A member's key on a schedule. Each key has a replica and a store of its own. So while the key changes, one process hosts
 * two replicas at one address: that of the present key, and that of the next one, which waits outside until the members
 * have made it a member.
 *
 * 1. The next key is made, and kept, before anybody hears of it.
 * 2. The present key signs a proposal that changes nothing else, and the other members are asked to approve of it.
 * 3. With the approvals of a quorum it is ordered. When its epoch begins, what comes to the address is for the next replica
 *    (shared_address.ts), which fetches the state.
 * 4. Then the replica of the former key is closed, and that key is forgotten.
 *
 * Whatever fails, the present key stays in use, and everything is tried again from step 2 on with the same next key.
 * @module
 */
import { quorum } from "../../core/messages/quorum.ts";
import { createSigner, importKeyPair, sha256 } from "../../crypto/mod.ts";
import { askApproval } from "../../http/peers/member_source.ts";
import { Delays } from "../../node/async/delays.ts";
import type { HostEvent } from "../../node/host_event.ts";
import { chainCrypto } from "../../node/epochs/cryptography.ts";
import { following } from "../../node/epochs/following.ts";
import { placeIn } from "../../node/epochs/place.ts";
import { CRYPTOGRAPHY } from "../../node/options.ts";
import { isExpired } from "../../node/gateway/gateway_operations.ts";
import type { Store, Timer } from "../../node/ports.ts";
import { fromHex } from "../../wire/codec/hex.ts";
import {
  approvalContext,
  approve,
  encodeConfiguration,
  type Epoch,
  operationOf,
  type Proposal,
  proposeRotation,
} from "../../wire/epochs/mod.ts";
import type { MemberHost } from "../host/member_host.ts";
import type { Start } from "../../node/storage/start.ts";

/** A key that is to be a member's next one. */
export interface NextKey {
  /** The Ed25519 seed, 64 hex digits. */
  readonly privateKey: string;
  /** A store of its own, or the path of a SQLite file. */
  readonly store: Store | string;
  /** What an empty store means: `new` for a key that was just made; `recover` for one that an earlier process has made. */
  readonly start: Start;
}

/** The schedule of a member's key. */
export interface KeyRotation {
  /** How long a key is used, ms. */
  readonly everyMs: number;
  /** When the present key was made, ms since 1970. */
  readonly since: number;
  /** The next key, if an earlier process has made one that is not in force yet. */
  readonly next?: NextKey | undefined;
  /** Makes the next key, and keeps it where the next start of the process finds it. */
  readonly prepare: () => NextKey | Promise<NextKey>;
  /** The next key is in force, and its replica has the state: it takes the place of the present one, which can be destroyed. */
  readonly onRotated: (next: NextKey) => void | Promise<void>;
}

/** A key, and its replica. */
export interface KeyReplica {
  readonly host: MemberHost;
  readonly privateKey: string;
}

/** What the rotation sees of the process. */
export interface RotationHost {
  readonly timer: Timer;
  /** The replica of the present key. */
  present(): KeyReplica;
  /** Opens a replica that waits outside. */
  open(key: NextKey): Promise<MemberHost>;
  /** From now on requests go to this replica. The former one is closed. */
  replace(next: KeyReplica): Promise<void>;
  tell(event: HostEvent): void;
}

/** Until it is tried again, ms: the others may not have the next epoch yet, or are away. */
const RETRY_MS = 60_000;
/** How often it is looked whether the next key is in force, ms. */
const LOOK_MS = 100;
/** How long a key that was made earlier has to turn out to be in force, ms, before it is proposed again. */
const EARLIER_MS = 2_000;
/** How often a proposal is sent that has expired, and the pause between two times, ms. */
const [MAX_TRIES, AGAIN_MS] = [5, 1_000];
/** How long an ordered proposal may take until its epoch begins, ms, before it is looked at again. */
const PATIENCE_MS = 60_000;

/** Changes the key of a member on its schedule, until it is stopped. */
export class KeyRotator {
  readonly #rotation: KeyRotation;
  readonly #host: RotationHost;
  readonly #delays: Delays;
  #next: { readonly key: NextKey; readonly host: MemberHost } | null = null;
  /** The next key, also before its replica is open: its member stays, though the present key was removed. */
  #key: NextKey | null;
  #since: number;
  #running: Promise<void> | null = null;

  constructor(rotation: KeyRotation, host: RotationHost) {
    this.#rotation = rotation;
    this.#host = host;
    this.#key = rotation.next ?? null;
    this.#since = rotation.since;
    this.#delays = new Delays(host.timer);
  }

  /** The replica of the next key waits, if there is one; then the schedule runs. */
  start(): void {
    this.#running = this.#run();
  }

  /** Whether a key that is about to be this member's is a member of an epoch. */
  hasPlaceIn(epoch: Epoch): boolean {
    return this.#key !== null && placeIn(epoch, importKeyPair(this.#key.privateKey).publicKey) !== null;
  }

  /** Stops, and closes the replica that waits. */
  async stop(): Promise<void> {
    this.#delays.stop();
    await this.#running;
    if (!this.#isSwitched) await this.#next?.host.close();
  }

  /** Whether the next replica has the place of the present one already, and only the key is not put away yet. */
  get #isSwitched(): boolean {
    return this.#next !== null && this.#next.host === this.#host.present().host;
  }

  async #run(): Promise<void> {
    while (!this.#delays.isStopped) {
      try {
        await this.#turn();
      } catch (error) {
        if (this.#delays.isStopped) return;
        this.#host.tell({ kind: "rotation-failed", reason: error instanceof Error ? error.message : String(error) });
        // A configuration that was ordered may come into force all the same.
        if (!this.#next || this.#isSwitched) await this.#delays.pass(RETRY_MS);
        else if (await this.#isInForce(RETRY_MS)) await this.#switch().catch(() => {});
      }
    }
  }

  async #turn(): Promise<void> {
    if (this.#key) {
      await this.#openNext(this.#key);
      if (await this.#isInForce(EARLIER_MS)) return await this.#switch();
    } else {
      await this.#delays.pass(Math.max(0, this.#since + this.#rotation.everyMs - this.#host.timer.now()));
      if (this.#delays.isStopped) return;
      await this.#openNext(await this.#rotation.prepare());
    }
    if (this.#delays.isStopped) return;
    await this.#submit();
    if (await this.#isInForce(PATIENCE_MS)) return await this.#switch();
    if (!this.#delays.isStopped) throw new Error(this.#whyNotInForce());
  }

  #whyNotInForce(): string {
    const { epoch } = this.#next!.host.member;
    const lacks = this.hasPlaceIn(epoch)
      ? `its replica has not got the state of epoch ${epoch.number} yet`
      : `its epoch has not begun within ${PATIENCE_MS / 1_000} s`;
    return `the next key is not in use yet: ${lacks}`;
  }

  async #openNext(key: NextKey): Promise<void> {
    this.#key = key;
    this.#next ??= { key, host: await this.#host.open(key) };
  }

  /** Gathers approvals, and has the proposal ordered. @throws if there are too few, or it was refused. */
  async #submit(): Promise<void> {
    const { host, privateKey } = this.#host.present();
    const { epoch, node } = host.member;
    const place = placeIn(epoch, importKeyPair(privateKey).publicKey);
    if (!place || !node || this.hasPlaceIn(epoch)) return;
    const { name } = epoch.genesis.replicas[place.self]!;
    const { publicKey } = importKeyPair(this.#next!.key.privateKey);
    const signer = createSigner(privateKey, epoch.cluster, epoch.number + 1);
    const own = await approve(epoch, proposeRotation(epoch, name, publicKey), { signer, hash: sha256 });
    const proposal = await approved(epoch, own);
    const operation = operationOf(epoch, proposal);
    for (let tries = 1; !this.#delays.isStopped; tries++) {
      const operations = [{ name: `key of ${name}`, timestamp: this.#host.timer.now(), operation }];
      const answer = await following(node, host.member).vouch(operations);
      // If this replica was behind, it learns only from the others that its proposal has ended the epoch.
      if (this.hasPlaceIn(host.member.epoch)) return;
      if ("reason" in answer) throw new Error(`${answer.reason}: ${answer.detail}`);
      const [result] = answer.results as [typeof answer.results[number]];
      if (result.status === "ok") return;
      // It was behind, and did not know the agreed time.
      if (!isExpired(result) || tries === MAX_TRIES) throw new Error(new TextDecoder().decode(result.value));
      await this.#delays.pass(AGAIN_MS);
    }
  }

  /** Waits until the next key is a member and its replica has the state. */
  async #isInForce(patienceMs: number): Promise<boolean> {
    const { host } = this.#next!;
    for (let left = patienceMs; left > 0 && !this.#delays.isStopped; left -= LOOK_MS) {
      const { member } = this.#host.present().host;
      await host.member.follow(member.linksAfter(host.member.epoch.number));
      if (host.member.entered() !== null) return true;
      await this.#delays.pass(LOOK_MS);
    }
    return false;
  }

  async #switch(): Promise<void> {
    const { key, host } = this.#next!;
    // If it fails half-way, it goes on from there.
    if (!this.#isSwitched) await this.#host.replace({ host, privateKey: key.privateKey });
    await this.#rotation.onRotated(key);
    this.#next = this.#key = null;
    this.#since = this.#host.timer.now();
    this.#host.tell({
      kind: "key-rotated",
      publicKey: importKeyPair(key.privateKey).publicKey,
      epoch: host.member.epoch.number,
    });
  }
}

/** The proposal with the approvals of a quorum. @throws if too few of the other members approve of it. */
async function approved(epoch: Epoch, own: Proposal): Promise<Proposal> {
  const { replicas } = epoch.genesis;
  const bytes = fromHex(sha256(encodeConfiguration(own.configuration)));
  const { isSigned } = chainCrypto(CRYPTOGRAPHY);
  const refusals: string[] = [];
  const others = replicas.filter(({ name }) => !Object.hasOwn(own.approvals, name));
  const asked = await Promise.all(others.map(async ({ name, publicKey }) => {
    try {
      const signature = await askApproval(epoch.urls[name]!, own);
      // A wrong one would have the whole proposal refused.
      const check = { publicKey, bytes, signature: fromHex(signature), ...approvalContext(epoch) };
      if (!await isSigned(check)) throw new Error("expected its signature, got another value");
      return [[name, signature] as const];
    } catch (error) {
      refusals.push(`${name}: ${(error as Error).message}`);
      return [];
    }
  }));
  const approvals = { ...own.approvals, ...Object.fromEntries(asked.flat()) };
  const needed = quorum(replicas.length);
  if (Object.keys(approvals).length >= needed) return { ...own, approvals };
  throw new Error(
    `expected approvals of ${needed} members, got ${Object.keys(approvals).length}; the others must run with ` +
      `--approve-rotations (${refusals.join("; ")})`,
  );
}
