// The page is changed only through these: all of them make text, none makes HTML, and what has not
// changed is not touched, so that a selection, a focus and a reader of the screen are left alone.

export const at = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  const text = String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

export function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

// copy makes one more of what a template holds, and finds its parts by their data-f.
export function copy(template) {
  const root = at(template).content.firstElementChild.cloneNode(true);
  const parts = { root };
  for (const part of root.querySelectorAll('[data-f]')) parts[part.dataset.f] = part;
  return parts;
}

// Rows keeps as many copies of a template in a parent as there are items.
export class Rows {
  constructor(parent, template, fill) {
    Object.assign(this, { parent, template, fill, rows: [] });
    parent.replaceChildren();
  }

  show(items) {
    while (this.rows.length > items.length) this.rows.pop().root.remove();
    while (this.rows.length < items.length) {
      const row = copy(this.template);
      this.rows.push(row);
      this.parent.append(row.root);
    }
    items.forEach((item, i) => this.fill(this.rows[i], item));
  }
}
