/**
 * Requests that come on one connection before the former ones are answered. Deno's server takes them one after another.
 * Node's hands over all that have arrived, up to a thousand at once, and keeps their answers until the other side reads
 * them. So here they wait for their turn.
 * @module
 */

/** What a Node server passes beside a request: the bindings of `@hono/node-server`. */
interface NodeBindings {
  readonly incoming?: { readonly socket?: Socket };
  readonly outgoing?: { once(event: "close", listener: () => void): void };
}

interface Socket {
  readonly destroyed?: boolean;
  destroy(): void;
}

/** One connection. */
interface Line {
  /** Requests that are not answered. */
  unanswered: number;
  /** Resolves when the last of them is answered. */
  last: Promise<void>;
}

/** Requests without an answer on one connection; one that sends more is cut. Correct clients have one. */
const MAX_UNANSWERED = 16;

/** All connections of a Node server. */
export class Pipelining {
  readonly #lines = new WeakMap<Socket, Line>();

  /**
   * Resolves once the system has taken all former answers on the connection of a request, at once on other servers than
   * Node's. False: the connection is cut. `connection`: what the server passes beside the request.
   */
  async turn(connection: unknown): Promise<boolean> {
    const { incoming, outgoing } = (connection ?? {}) as NodeBindings;
    const socket = incoming?.socket;
    if (!socket || !outgoing) return true;
    const line = this.#lines.get(socket) ?? { unanswered: 0, last: Promise.resolve() };
    this.#lines.set(socket, line);
    const { last } = line;
    line.last = new Promise((resolve) =>
      outgoing.once("close", () => {
        line.unanswered--;
        resolve();
      })
    );
    if (++line.unanswered > MAX_UNANSWERED) socket.destroy();
    else if (line.unanswered > 1) await last;
    return !socket.destroyed;
  }
}
