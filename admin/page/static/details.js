// What there is to know of one log, in a row below its own.

import { ago, bytes, count, plain } from './format.js';
import { at, copy, setHidden, setText } from './dom.js';
import { compression, current, overshoot, policy } from './words.js';

// visibleColumns is how many there are: a cell across more of them would make the table wider than
// the narrow page that it has left out columns for.
const visibleColumns = () => [...at('table').tHead.rows[0].cells].filter((cell) => cell.offsetWidth > 0).length;

export class Details {
  constructor(row) {
    this.row = row;
    this.element = null; // while it is closed
    row.button.setAttribute('aria-expanded', 'false');
  }

  toggle() {
    if (this.element) this.close();
    else this.open();
  }

  open() {
    this.parts = copy('details');
    this.element = this.parts.root;
    this.fill(this.now);
    this.row.parts.root.after(this.element);
    this.row.button.setAttribute('aria-expanded', 'true');
  }

  close() {
    this.element?.remove();
    this.element = null;
    this.row.button.setAttribute('aria-expanded', 'false');
  }

  show(visible) {
    if (this.element) setHidden(this.element, !visible);
  }

  fill(now) {
    this.now = now;
    if (!this.element) return;
    const { parts, row: { log } } = this;
    parts.cell.colSpan = visibleColumns();
    setText(parts.namespace, plain(log.namespace));
    setText(parts.pod, `${plain(log.pod)} (${plain(log.podUID)})`);
    setText(parts.container, `${plain(log.container)}, attempt ${log.attempt}`);
    setText(parts.state, plain(log.state));
    setText(parts.current, current(log));
    setText(parts.files, count(log.files));
    setText(parts.rotations, count(log.rotations));
    setText(parts.last, ago(log.lastWrite, now));
    setText(parts.written, bytes(log.bytesWritten));
    setText(parts.lastRotation, ago(log.lastRotation, now));
    setText(parts.overshoot, overshoot(log));
    setText(parts.compression, compression(log));
    setText(parts.policy, policy(log.policy));
    setText(parts.notManaged, plain(log.notManaged));
    setHidden(parts.notManagedEntry, log.managed || !log.notManaged);
    setText(parts.lastError, plain(log.lastError));
    setHidden(parts.lastErrorEntry, !log.lastError);
    setText(parts.path, plain(log.path));
    // What is to be typed into a shell holds nothing that a shell might take for more.
    const safe = /^[0-9A-Za-z]+$/.test(log.id);
    setText(parts.read, safe ? `cri-logshim logs ${log.id}` : '');
    setHidden(parts.readEntry, !safe);
  }
}
