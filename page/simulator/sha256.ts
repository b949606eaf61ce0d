/**
 * SHA-256 (FIPS 180-4) where there is no `node:crypto`: browsers have none that is synchronous. It hashes only what tells simulated clusters and
 * traces apart, no secrets. A library would be 6 KB of the page's 150 KB; this is 1 KB.
 * @module
 */

/** The first 32 bits of the fractional parts of the roots of the first 64 primes: of square roots, and of cube roots. */
const [START, ROUNDS] = constants();

function constants(): readonly [Int32Array, Int32Array] {
  const [square, cube] = [new Int32Array(8), new Int32Array(64)];
  for (let candidate = 2, count = 0; count < 64; candidate++) {
    let isPrime = true;
    for (let i = 2; i * i <= candidate; i++) if (candidate % i === 0) isPrime = false;
    if (!isPrime) continue;
    if (count < 8) square[count] = fraction(candidate ** (1 / 2));
    cube[count++] = fraction(candidate ** (1 / 3));
  }
  return [square, cube];
}

function fraction(root: number): number {
  return (root - Math.floor(root)) * 2 ** 32 | 0;
}

const turned = (word: number, bits: number) => word >>> bits | word << 32 - bits;

/** The digest of `bytes`, hex digits. */
export function sha256Hex(bytes: Uint8Array): string {
  const padded = new Uint8Array((bytes.length + 9 + 63 >> 6) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
  const state = Int32Array.from(START);
  const words = new Int32Array(64);
  for (let at = 0; at < padded.length; at += 64) {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const [early, late] = [words[i - 15]!, words[i - 2]!];
      const first = turned(early, 7) ^ turned(early, 18) ^ early >>> 3;
      const second = turned(late, 17) ^ turned(late, 19) ^ late >>> 10;
      words[i] = words[i - 16]! + first + words[i - 7]! + second;
    }
    compress(state, words);
  }
  return [...state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

function compress(state: Int32Array, words: Int32Array): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const chosen = e & f ^ ~e & g;
    const most = a & b ^ a & c ^ b & c;
    const one = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + chosen + ROUNDS[i]! + words[i]! | 0;
    const two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + most | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, d + one | 0, c, b, a, one + two | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => state[i]! += word);
}
