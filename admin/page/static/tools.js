// Searching and choosing. What is chosen stands in the address, so that it outlives a reload and can
// be handed on.

import { at, setText } from './dom.js';
import { count } from './format.js';

export class Tools {
  constructor(logs, events) {
    Object.assign(this, { logs, events });
    this.recall();
    at('search').addEventListener('input', () => this.apply());
    at('which').addEventListener('change', () => this.apply());
    at('table').tHead.addEventListener('click', () => this.remember());
    this.apply();
  }

  apply() {
    const terms = at('search').value.toLowerCase().split(/\s+/).filter(Boolean);
    this.logs.select(terms, at('which').value);
    this.events.search(terms);
    this.remember();
    this.tell();
  }

  // tell says how many logs there are of all.
  tell() {
    const { found, rows: { size } } = this.logs;
    setText(at('found'), found === size ? count(size) : `${count(found)} of ${count(size)}`);
  }

  recall() {
    const kept = new URLSearchParams(location.hash.slice(1));
    at('search').value = kept.get('search') ?? '';
    if (kept.has('which')) at('which').value = kept.get('which');
    if (!at('which').value) at('which').value = 'all';
    if (kept.has('sort')) this.logs.order.set(kept.get('sort'), kept.get('direction'));
  }

  remember() {
    const kept = new URLSearchParams();
    const { key, direction } = this.logs.order;
    if (at('search').value) kept.set('search', at('search').value);
    if (at('which').value !== 'all') kept.set('which', at('which').value);
    if (key !== 'rate' || direction !== 'descending') {
      kept.set('sort', key);
      kept.set('direction', direction);
    }
    const hash = kept.size ? `#${kept}` : '';
    if (hash !== location.hash) history.replaceState(null, '', hash || location.pathname);
  }
}
