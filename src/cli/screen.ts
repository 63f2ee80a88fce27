/** Where lines go: a stream that may be a terminal. */
export interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Lines that scroll, and on a terminal one status line that stays at the bottom. */
export interface Screen {
  line(text: string): void;
  status(text: string): void;
  /** Leaves the status line where it is. */
  end(): void;
}

const CLEAR_LINE = '\r\x1b[2K';

export function createScreen(stream: Stream): Screen {
  let status = '';
  const draw = () => {
    if (stream.isTTY && status) stream.write(status.slice(0, (stream.columns ?? 100) - 1));
  };
  const clear = () => {
    if (stream.isTTY && status) stream.write(CLEAR_LINE);
  };
  return {
    line(text) {
      clear();
      stream.write(`${text}\n`);
      draw();
    },
    status(text) {
      if (text === status) return;
      clear();
      status = text;
      draw();
    },
    end() {
      if (stream.isTTY && status) stream.write('\n');
      status = '';
    },
  };
}
