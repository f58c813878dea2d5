// The last rates of a log as a line.

const samples = 60;

export class Spark {
  constructor() {
    this.values = [];
  }

  add(value) {
    this.values.push(value);
    if (this.values.length > samples) this.values.shift();
  }

  // draw puts the line into a polyline of an SVG of this width and height, the latest value at its
  // right. Its scale is its own: what a rate comes to stands beside it.
  draw(line, width, height) {
    const top = Math.max(...this.values);
    if (this.values.length < 2 || top <= 0) {
      if (line.hasAttribute('points')) line.removeAttribute('points');
      return;
    }
    const step = width / (samples - 1);
    const left = width - step * (this.values.length - 1);
    const points = this.values.map((value, i) => {
      const y = height - 1 - (height - 2) * (value / top);
      return `${(left + i * step).toFixed(1)},${y.toFixed(1)}`;
    });
    line.setAttribute('points', points.join(' '));
  }
}
