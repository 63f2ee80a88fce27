/** What stands in place of what was cut off. */
const REST = '\n\n…\n';

/** A text of at most so many bytes, ended after a whole line where something must go. */
export function cutAtLine(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const room = maxBytes - Buffer.byteLength(REST);
  // A character that is cut in two would come back as a replacement, which is longer.
  const head = Buffer.from(text).subarray(0, Math.max(0, room)).toString('utf8');
  const whole = head.replace(/\ufffd$/, '');
  const end = whole.lastIndexOf('\n');
  return (end > 0 ? whole.slice(0, end) : whole) + REST;
}
