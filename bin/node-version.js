// Plain JavaScript that an old Node can parse: it must say its one line before anything newer is read.

const NEEDED = 24;

/** Ends the process with one line when Node is too old to run the source as it is. */
export function assertNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= NEEDED) return;
  process.stderr.write(
    `dstack needs Node ${NEEDED} or later; this is ${process.version} (${process.execPath}). ` +
      'Start it with "npm start" or "npm run demo", which use the Node that "npm install" brings, or install Node 24.\n',
  );
  process.exit(78);
}
