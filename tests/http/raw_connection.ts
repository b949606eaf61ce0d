/** A connection on which a test says what it likes. */

const encoder = new TextEncoder();

export class RawConnection implements Disposable {
  readonly #connection: Deno.TcpConn;
  #received = "";

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Connects to where a URL says. */
  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    return new RawConnection(await Deno.connect({ hostname, port: Number(port) }));
  }

  /** Sends all of it; false: the other side has closed. */
  async send(data: string | Uint8Array): Promise<boolean> {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    try {
      for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
      return true;
    } catch {
      return false;
    }
  }

  /** The next answer's status; null: the other side has closed without one. */
  async status(): Promise<number | null> {
    const head = /^HTTP\/1\.1 (\d{3})[^]*?\r\n\r\n/;
    const buffer = new Uint8Array(16 * 1024);
    for (;;) {
      // What is left of a body goes, also if the next answer came along with it.
      this.#received = this.#received.slice(Math.max(0, this.#received.search(/HTTP\/1\.1 \d{3}/)));
      const found = head.exec(this.#received);
      if (found) {
        this.#received = this.#received.slice(found[0].length);
        return Number(found[1]);
      }
      const read = await this.#connection.read(buffer).catch(() => null);
      if (read === null) return null;
      this.#received += new TextDecoder().decode(buffer.subarray(0, read));
    }
  }

  /** Ends it without a word. */
  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch { /* it is closed already */ }
  }
}

/** The head of a POST. */
export function head(path: string, ...headers: string[]): string {
  return [`POST ${path} HTTP/1.1`, "Host: 127.0.0.1", ...headers, "", ""].join("\r\n");
}
