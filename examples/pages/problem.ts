/** What went wrong, in words, and what to do next. */
export class Problem extends Error {
  override readonly name = "Problem";
  constructor(message: string, readonly next: string) {
    super(message);
  }
}
