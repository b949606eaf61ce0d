/**
 * A port under Deno, in bad days too. `Deno.serve` has no limit of connections, no time after which an idle one is closed, and ends when a
 * connection can't be accepted because no descriptor is left. So when that happens the port is bound anew, and with the server that
 * failed all its idle connections are closed: those on which no request came yet, or only the start of one, or none after the last.
 * Requests under way are answered.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";
import { ANY_ADDRESS, ANY_IPV4_ADDRESS, type ListenAddress } from "./listen_address.ts";

type Server = Pick<Deno.HttpServer<Deno.NetAddr>, "addr" | "finished" | "shutdown">;

/** What a {@linkcode Listener} is made of. */
export interface ListenerOptions extends ListenAddress {
  readonly handler: Deno.ServeHandler<Deno.NetAddr>;
  readonly timer: Timer;
  /** A connection could not be accepted. */
  readonly onAcceptFailed: (error: unknown) => void;
  /** `Deno.serve`, or a stand-in. */
  readonly serve?: (options: Deno.ServeTcpOptions, handler: Deno.ServeHandler<Deno.NetAddr>) => Server;
}

/**
 * After a sweep the next one is so much later at least, ms: twice as much each time, and as at first when the port was open for long. Until then nobody
 * new gets in; whoever has a connection keeps it.
 */
const SWEEP_PAUSE = { minMs: 1_000, maxMs: 30_000, forgivenMs: 60_000 };
/** A port that is not free yet is tried again after so long, doubled each time, ms. */
const BIND_RETRY = { minMs: 5, maxMs: 1_000 };

/** Listens until it is shut down. */
export class Listener {
  readonly #options: Required<ListenerOptions>;
  readonly #address: ListenAddress;
  /** Servers that may still have connections. The last one accepts. */
  readonly #servers = new Set<Server>();
  #sweptAt = -Infinity;
  #pauseMs = SWEEP_PAUSE.minMs;
  #cancelRetry: () => void = () => {};
  #isClosed = false;

  /** Binds the port. @throws {Deno.errors.AddrInUse} if it is taken. */
  constructor(options: ListenerOptions) {
    this.#options = { serve: (...args) => Deno.serve(...args), ...options };
    const { hostname, port } = options;
    try {
      this.#address = this.#bind({ hostname, port });
    } catch (error) {
      const isTaken = error instanceof Deno.errors.AddrInUse || error instanceof Deno.errors.PermissionDenied;
      if (hostname !== ANY_ADDRESS || isTaken) throw error;
      this.#address = this.#bind({ hostname: ANY_IPV4_ADDRESS, port }); // a machine without IPv6
    }
  }

  /** Where it listens. */
  get address(): ListenAddress {
    return this.#address;
  }

  /** Closes the port and idle connections; resolves once all requests are answered. */
  async shutdown(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRetry();
    await Promise.allSettled([...this.#servers].map((server) => server.shutdown()));
  }

  #bind({ hostname, port }: ListenAddress): ListenAddress {
    const { serve, handler } = this.#options;
    const server = serve({ hostname, port, onListen: () => {} }, handler);
    this.#servers.add(server);
    server.finished.then(
      () => this.#servers.delete(server),
      (error) => this.#onFailed(server, error),
    );
    return { hostname: server.addr.hostname, port: server.addr.port };
  }

  #onFailed(server: Server, error: unknown): void {
    if (this.#isClosed) return;
    this.#options.onAcceptFailed(error);
    const { timer } = this.#options;
    const sinceMs = timer.monotonic() - this.#sweptAt;
    if (sinceMs > SWEEP_PAUSE.forgivenMs) this.#pauseMs = SWEEP_PAUSE.minMs;
    const waitMs = Math.max(0, this.#pauseMs - sinceMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, SWEEP_PAUSE.maxMs);
    this.#cancelRetry = after(timer, waitMs, () => {
      this.#sweptAt = timer.monotonic();
      server.shutdown().catch(() => {}).finally(() => this.#servers.delete(server));
      this.#bindAgain(BIND_RETRY.minMs);
    });
  }

  #bindAgain(delayMs: number): void {
    try {
      this.#bind(this.#address);
    } catch {
      const next = Math.min(2 * delayMs, BIND_RETRY.maxMs);
      this.#cancelRetry = after(this.#options.timer, delayMs, () => this.#bindAgain(next));
    }
  }
}

function after(timer: Timer, ms: number, run: () => void): () => void {
  return timer.schedule(millis(timer.now() + Math.ceil(ms)), run);
}
