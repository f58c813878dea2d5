// The node as a whole: its state, the figures at the top, its bounds and the programs that read.

import { bytes, count, clock, plain, rate } from './format.js';
import { Rows, at, setAttribute, setHidden, setText } from './dom.js';
import { Spark } from './spark.js';
import { bounds, diskMore, managedMore, rotationsMore, runtimeMore, runtimeName } from './words.js';

export class NodeView {
  constructor() {
    this.spark = new Spark();
    this.version = at('version').textContent;
    this.reasons = new Rows(at('reasons'), 'reason', (row, reason) => setText(row.text, plain(reason)));
    this.bounds = new Rows(at('bounds'), 'bound', fillBound);
    this.readers = new Rows(at('readers-rows'), 'reader', fillReader);
  }

  show(node) {
    const host = plain(node.host);
    setText(at('host'), host);
    document.title = `${node.reasons.length ? '▲ ' : ''}${host} – cri-logshim`;
    setText(at('mode'), `mode ${plain(node.mode)}`);
    setText(at('version'), plain(node.version));
    setText(at('seen'), `${clock(node.time)} UTC`);
    this.showVersion(plain(node.version));

    this.reasons.show(node.reasons);
    setHidden(at('trouble'), node.reasons.length === 0);

    if (node.time !== this.time) this.spark.add(node.bytesPerSecond);
    this.time = node.time;
    this.spark.draw(at('rate-spark').firstElementChild, 120, 24);
    setText(at('rate'), rate(node.bytesPerSecond));
    setText(at('managed'), count(node.logs));
    setText(at('managed-more'), managedMore(node));
    setText(at('disk'), bytes(node.disk.logBytes));
    setText(at('disk-more'), diskMore(node.disk));
    setText(at('rotations'), count(node.rotations));
    setText(at('rotations-more'), rotationsMore(node));
    setText(at('runtime'), runtimeName(node.runtime));
    setText(at('runtime-more'), runtimeMore(node));

    const all = bounds(node.disk);
    this.bounds.show(all);
    setHidden(at('bounds-none'), all.length > 0);
    setText(at('pressure').firstElementChild, plain(node.disk.pressure));
    setHidden(at('pressure'), !node.disk.pressure);
    this.readers.show(node.readers);
    setHidden(at('readers'), node.readers.length === 0);
  }

  // showVersion offers the page of a daemon that was upgraded meanwhile.
  showVersion(version) {
    this.version ||= version;
    setText(at('renewed-from'), this.version);
    setHidden(at('renewed'), version === this.version);
  }
}

function fillBound(row, bound) {
  setText(row.text, bound.text);
  setText(row.name, bound.name);
  setAttribute(row.bar, 'width', bound.used);
  setAttribute(row.bar, 'class', bound.used >= 100 ? 'fill full' : bound.used >= 85 ? 'fill near' : 'fill');
}

function fillReader(row, reader) {
  setText(row.name, plain(reader.name));
  setText(row.lag, bytes(reader.lagBytes));
  setText(row.behind, `${reader.containersBehind} of ${reader.containers}`);
}
