// The status page of a node, live. The page is complete as it comes; from the first answer on this
// script keeps it up to date.

import { at, setHidden, setText } from './dom.js';
import { clock } from './format.js';
import { EventFeed, followNode } from './live.js';
import { EventsView } from './events.js';
import { LogsView } from './logs.js';
import { NodeView } from './node.js';
import { Tools } from './tools.js';

const interval = Number(document.body.dataset.interval);
const states = { ready: 'Ready', trouble: 'Not ready', away: 'No answer' };

let views; // made at the first answer, since they take the place of what the page came with
let seen; // when the daemon answered last, by its clock
let started; // when its process began

function begin() {
  const node = new NodeView();
  const logs = new LogsView();
  const events = new EventsView();
  const feed = new EventFeed(interval, { cleared: () => events.clear(), came: (list) => events.add(list) });
  feed.follow();
  return { node, logs, events, feed, tools: new Tools(logs, events) };
}

function answered(node, list) {
  views ??= begin();
  document.documentElement.classList.add('live');
  if (started && started !== node.started) views.feed.restarted();
  started = node.started;
  seen = node.time;
  views.node.show(node);
  views.events.now = node.time;
  views.logs.show(list);
  views.tools.tell();
  setHidden(at('away'), true);
  setState(node.reasons.length ? 'trouble' : 'ready');
}

function failed(error) {
  const why = error.name === 'TimeoutError' ? 'It takes too long' : error instanceof TypeError ? 'There is no connection' : error.message;
  const from = seen ? ` What is shown is from ${clock(seen)} UTC.` : '';
  setText(at('away-text'), `${why}.${from} It is asked again every ${Math.max(1, Math.round(interval / 1000))} s.`);
  setHidden(at('away'), false);
  setState('away');
}

// setState also tells those who hear the page, but only of a change.
function setState(state) {
  const element = at('state');
  const before = element.dataset.state;
  if (before === state) return;
  element.dataset.state = state;
  setText(element, states[state]);
  document.documentElement.classList.toggle('stale', state === 'away');
  setText(at('say'), {
    ready: before === 'away' ? 'The daemon answers again.' : 'The daemon is ready.',
    trouble: 'The daemon is not ready.',
    away: 'The daemon does not answer.',
  }[state]);
}

document.documentElement.classList.add('scripting');
followNode(interval, { answered, failed });
