// The table of logs: a row for each, sorted and chosen, with details below the one that is opened.

import { ago, bytes, count, plain, rate, share } from './format.js';
import { at, copy, setAttribute, setHidden, setText } from './dom.js';
import { Details } from './details.js';
import { Order } from './order.js';
import { Spark } from './spark.js';
import { badge, current } from './words.js';

const choices = {
  all: () => true,
  growing: (log) => log.bytesPerSecond > 0,
  trouble: (log) => Boolean(log.lastError),
  unmanaged: (log) => !log.managed,
};

// canHover is false where a finger points: what it has tapped last counts as hovered for ever.
const canHover = matchMedia('(hover: hover)');

export class LogsView {
  constructor() {
    this.body = at('rows');
    this.body.replaceChildren();
    this.rows = new Map(); // by the log's id
    this.order = new Order(at('table').tHead, () => this.arrange(true));
    this.terms = [];
    this.choice = 'all';
  }

  show(list) {
    const largest = Math.max(0, ...list.logs.map((log) => log.diskBytes ?? 0));
    const isNew = list.time !== this.time; // else there is nothing to add to the lines of rates
    this.time = list.time;
    const seen = new Set();
    for (const log of list.logs) {
      seen.add(log.id);
      const row = this.rows.get(log.id) ?? this.newRow(log);
      row.log = log;
      if (isNew) row.rates.add(log.bytesPerSecond);
      fill(row, list.time, largest);
    }
    for (const [id, row] of this.rows) {
      if (seen.has(id)) continue;
      row.details?.close();
      row.parts.root.remove();
      this.rows.delete(id);
    }
    this.choose();
    this.arrange(false);
  }

  newRow(log) {
    const row = { parts: copy('row'), rates: new Spark(), button: document.createElement('button') };
    row.parts.title.replaceWith(row.button);
    row.button.className = 'title';
    row.button.type = 'button';
    row.button.append(...row.parts.title.childNodes);
    row.details = new Details(row);
    row.button.addEventListener('click', () => row.details.toggle());
    this.rows.set(log.id, row);
    this.body.append(row.parts.root);
    return row;
  }

  select(terms, choice) {
    this.terms = terms;
    this.choice = choice in choices ? choice : 'all';
    this.choose();
    this.arrange(true);
  }

  choose() {
    let found = 0;
    for (const row of this.rows.values()) {
      const matches = choices[this.choice](row.log) && this.terms.every((term) => row.text.includes(term));
      setHidden(row.parts.root, !matches);
      row.details.show(matches);
      if (matches) found++;
    }
    this.found = found;
    setHidden(at('none'), found > 0);
    setText(at('none'), this.rows.size ? 'No log matches.' : 'No container has a log yet.');
  }

  // arrange puts the rows in order, unless somebody is at them: a row does not move away from
  // under a pointer or a focus.
  arrange(now) {
    const held = (canHover.matches && this.body.matches(':hover')) || this.body.contains(document.activeElement);
    if (held && !now) return;
    let place = this.body.firstElementChild;
    for (const row of this.order.sorted([...this.rows.values()])) {
      for (const element of [row.parts.root, row.details.element]) {
        if (!element) continue;
        if (element === place) place = place.nextElementSibling;
        else this.body.insertBefore(element, place);
      }
    }
  }
}

function fill(row, now, largest) {
  const { log, parts } = row;
  const pod = `${plain(log.namespace)}/${plain(log.pod)}`;
  row.text = `${pod}/${plain(log.container)} ${log.id} ${plain(log.state)}`.toLowerCase();
  row.name = `${pod}/${plain(log.container)}`;
  setText(parts.pod, pod);
  setText(parts.container, plain(log.container));
  setText(parts.badge, badge(log));
  setHidden(parts.badge, !badge(log));
  setAttribute(parts.badge, 'class', log.lastError ? 'badge grave' : 'badge');
  setText(parts.state, plain(log.state));
  setText(parts.rate, rate(log.bytesPerSecond));
  setAttribute(parts.rate, 'class', log.bytesPerSecond > 0 ? '' : 'zero');
  row.rates.draw(parts.spark, 60, 16);
  setText(parts.current, current(log));
  setAttribute(parts.currentBar, 'width', share(log.currentBytes, log.policy.maxSize));
  setText(parts.disk, bytes(log.diskBytes));
  setAttribute(parts.diskBar, 'width', share(log.diskBytes, largest));
  setText(parts.files, count(log.files));
  setText(parts.rotations, count(log.rotations));
  setText(parts.last, ago(log.lastWrite, now));
  row.details.fill(now);
}
