// In which order the logs stand: what the headers of the table say.

const number = (value) => value ?? -1;
const time = (value) => (value ? Date.parse(value) : 0);

// keys are what each header sorts by.
const keys = {
  name: (row) => row.name,
  state: (row) => row.log.state,
  rate: (row) => row.log.bytesPerSecond,
  current: (row) => number(row.log.currentBytes),
  disk: (row) => number(row.log.diskBytes),
  files: (row) => number(row.log.files),
  rotations: (row) => row.log.rotations,
  last: (row) => time(row.log.lastWrite),
};

// Names go from a to z at first, all else from much to little.
const ascendingFirst = new Set(['name', 'state']);

export class Order {
  constructor(head, changed) {
    this.headers = new Map();
    for (const header of head.querySelectorAll('th')) {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...header.firstElementChild.childNodes);
      header.replaceChildren(button);
      button.addEventListener('click', () => {
        this.choose(header.dataset.key);
        changed();
      });
      this.headers.set(header.dataset.key, header);
    }
    this.set('rate', 'descending');
  }

  choose(key) {
    if (key === this.key) this.set(key, this.direction === 'ascending' ? 'descending' : 'ascending');
    else this.set(key, ascendingFirst.has(key) ? 'ascending' : 'descending');
  }

  set(key, direction) {
    if (!this.headers.has(key)) return;
    this.key = key;
    this.direction = direction === 'ascending' ? 'ascending' : 'descending';
    for (const [name, header] of this.headers) {
      if (name === key) header.setAttribute('aria-sort', this.direction);
      else header.removeAttribute('aria-sort');
    }
  }

  sorted(rows) {
    const sign = this.direction === 'ascending' ? 1 : -1;
    return rows.sort((a, b) => sign * compare(keys[this.key](a), keys[this.key](b)) || otherwise(a, b));
  }
}

// otherwise is the order of those that are alike: rate, then size, then name.
const otherwise = (a, b) =>
  compare(keys.rate(b), keys.rate(a)) || compare(keys.disk(b), keys.disk(a)) || compare(a.name, b.name);

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
