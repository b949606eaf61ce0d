/**
 * Damages bytes in the ways that chance and attackers do.
 * @module
 */
import type { Random } from "./random_messages.ts";

/** Heads that promise more than there is, or are no form of ours: lengths, nesting, indefinite, floats, tags. */
const BOMBS: readonly (readonly number[])[] = [
  [0x9b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x9a, 0xff, 0xff, 0xff, 0xff],
  [0x5b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x5a, 0x7f, 0xff, 0xff, 0xff],
  [0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x5f],
  [0x7f],
  [0x9f],
  [0xbf],
  [0xff],
  [0xf6],
  [0xf7],
  [0xf9, 0x3c, 0],
  [0xc0],
  [0xc2, 0x41, 1],
  [0x18, 1],
  [0x20],
  [0xa1, 0, 0],
  Array(64).fill(0x81),
];

/** `bytes` with one to four damages; `others` lend what is spliced in. */
export function mutate(random: Random, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let mutant = bytes;
  for (let left = random.of([1, 1, 1, 2, 4]); left > 0; left--) mutant = damage(random, mutant, others);
  return mutant;
}

function damage(random: Random, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const at = random.int(bytes.length + 1);
  switch (random.int(8)) {
    case 0: // one bit
    case 1:
      return overwrite(bytes, at, (byte) => byte ^ (1 << random.int(8)));
    case 2: // one byte
      return overwrite(bytes, at, () => random.int(256));
    case 3: // the end is missing
      return bytes.slice(0, at);
    case 4: // something is missing within
      return join(bytes.subarray(0, at), bytes.subarray(at + 1 + random.int(8)));
    case 5: // something is put in
      return join(bytes.subarray(0, at), random.bytes(1 + random.int(4)), bytes.subarray(at));
    case 6: { // a piece of another
      const other = random.of(others);
      const start = random.int(other.length + 1);
      const piece = other.subarray(start, start + random.int(other.length + 1));
      return join(bytes.subarray(0, at), piece, bytes.subarray(at + random.of([0, piece.length])));
    }
    default: { // a head that lies
      const bomb = random.of(BOMBS);
      return join(bytes.subarray(0, at), Uint8Array.from(bomb), bytes.subarray(at + random.of([0, bomb.length])));
    }
  }
}

function overwrite(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const copy = bytes.slice();
  if (at < copy.length) copy[at] = change(copy[at]!);
  return copy;
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
