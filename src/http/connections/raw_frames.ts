/**
 * Frames of WebSockets (RFC 6455, section 5), as far as a client needs them whose server only sends short texts.
 * @module
 */

/** The kinds of frames. */
export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/** A whole message, or a control frame. */
export interface RawFrame {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** The longest payload of a server's frame: control frames have the same bound. */
const MAX_PAYLOAD_BYTES = 125;
/** The most frames of a server in a second. Correct ones acknowledge ten times a second, and once for each 256 KiB. */
const MAX_FRAMES_PER_S = 2_000;
/** Room for the longest header before a payload, a multiple of four. */
const HEADER_ROOM = 16;

/** Takes the server's bytes apart. */
export class FrameReader {
  readonly #monotonic: () => number;
  #rest = new Uint8Array(0);
  #second = { began: -Infinity, frames: 0 };

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** The frames that are whole with these bytes. @throws {TypeError} at one that no correct member sends, or at too many. */
  take(bytes: Uint8Array): readonly RawFrame[] {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const frames: RawFrame[] = [];
    let at = 0;
    for (; all.length - at >= 2;) {
      const [first, second] = [all[at]!, all[at + 1]!];
      const opcode = first & 0x0f;
      // Whole, without extensions, not masked, and short.
      if ((first & 0xf0) !== 0x80 || second > MAX_PAYLOAD_BYTES || !Object.values(OPCODE).includes(opcode)) {
        throw new TypeError("frame: expected a whole one, short and not masked");
      }
      if (all.length - at < 2 + second) break;
      this.#count();
      frames.push({ opcode, payload: all.slice(at + 2, at + 2 + second) });
      at += 2 + second;
    }
    this.#rest = all.slice(at);
    return frames;
  }

  #count(): void {
    const now = this.#monotonic();
    if (now - this.#second.began >= 1_000) this.#second = { began: now, frames: 0 };
    if (++this.#second.frames > MAX_FRAMES_PER_S) {
      throw new TypeError(`frames: expected at most ${MAX_FRAMES_PER_S} in a second, got more`);
    }
  }
}

/** A client's frame: its payload is masked, so that nothing on the way takes it for something else. */
export function maskedFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const headerBytes = (length < 126 ? 2 : length < 65_536 ? 4 : 10) + 4;
  const start = HEADER_ROOM - headerBytes;
  const buffer = new ArrayBuffer(HEADER_ROOM + length);
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  bytes[start] = 0x80 | opcode;
  bytes[start + 1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (headerBytes === 8) view.setUint16(start + 2, length);
  if (headerBytes === 14) view.setBigUint64(start + 2, BigInt(length));
  bytes.set(payload, HEADER_ROOM);
  const words = new Uint32Array(buffer, 0, buffer.byteLength >> 2);
  const mask = bytes.subarray(HEADER_ROOM - 4, HEADER_ROOM);
  crypto.getRandomValues(mask);
  const key = words[HEADER_ROOM / 4 - 1]!;
  for (let word = HEADER_ROOM / 4; word < words.length; word++) words[word]! ^= key;
  for (let at = words.length * 4; at < bytes.length; at++) bytes[at]! ^= mask[at % 4]!;
  return bytes.subarray(start);
}
