/**
 * What a member has to do with the others over its epochs, beside the protocol: it asks them, it tells new ones of their
 * epoch, and it finds out when nobody needs it any more.
 * @module
 */
import type { ChainCrypto, Epoch } from "../../wire/epochs/mod.ts";
import { createJitter } from "../async/backoff.ts";
import { Asking, type AskingOptions } from "./asking.ts";
import { Departure } from "./departure.ts";
import type { ClusterMemberOptions, MemberSource } from "./member_options.ts";
import { newUrls } from "./place.ts";

/** What this part sees of the member. */
export interface OthersOptions extends Pick<AskingOptions, "publicKey" | "delays"> {
  readonly self: AskingOptions["self"];
  readonly cryptography: ChainCrypto;
}

/** The options of the member that concern the others. */
type MemberOptions = Pick<
  ClusterMemberOptions,
  "source" | "join" | "timer" | "seed" | "persistInputs" | "onDeparted" | "lingerMs"
>;

/** The others of one member. */
export class Others {
  readonly #publicKey: string;
  readonly #source: MemberSource | undefined;
  readonly #asking: Asking | null;
  readonly #departure: Departure | null;
  #hasStarted = false;

  constructor(
    { source, join = [], timer, seed, persistInputs: maySleep = false, onDeparted, lingerMs }: MemberOptions,
    rest: OthersOptions,
  ) {
    this.#publicKey = rest.publicKey;
    this.#source = source;
    const jitter = createJitter(seed ?? parseInt(this.#publicKey.slice(0, 8), 16));
    this.#asking = source ? new Asking({ ...rest, source, join, timer, maySleep, jitter }) : null;
    // A host that may sleep is not stopped by its replica.
    this.#departure = source && onDeparted && !maySleep
      ? new Departure({ ...rest, source, jitter, onDeparted, lingerMs })
      : null;
  }

  /** Begins to ask, once the member is open. */
  start(): void {
    this.#hasStarted = true;
    this.#asking?.start();
    void this.#departure?.look();
  }

  /** Called on every event of a host that may sleep. */
  async look(now: number): Promise<void> {
    await this.#asking?.look(now);
  }

  /** Somebody says that there is a later epoch. */
  hear(): void {
    this.#asking?.hear();
  }

  /** The link from one epoch to another is stored: whoever is new there is told. */
  tell(from: Epoch, to: Epoch): void {
    for (const url of newUrls(from, to, this.#publicKey)) void this.#source?.poke?.(url).catch(() => {});
  }

  /** The member has entered an epoch. */
  entered(): void {
    if (this.#hasStarted) void this.#departure?.look();
  }
}
