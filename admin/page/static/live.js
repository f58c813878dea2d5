// Asks the daemon, again and again while somebody can see the page.

const answerTime = 15_000; // milliseconds for the node and its logs
const wait = 25; // seconds that the daemon may keep a question for events

// ask returns what a path of the admin API answers; with any other answer than success it fails.
async function ask(path, patience, signal) {
  const limit = AbortSignal.timeout(patience);
  const response = await fetch(path, { cache: 'no-store', signal: signal ? AbortSignal.any([limit, signal]) : limit });
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  return response.json();
}

const sleep = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

// visible ends at once, or when the page is looked at again.
function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener('visibilitychange', () => resolve(), { once: true });
  }).then(visible);
}

// complete has a list where the daemon says that there is none.
const complete = (node) => ({ ...node, reasons: node.reasons ?? [], readers: node.readers ?? [] });

// followNode tells of the node and its logs until the page goes. The daemon has at least nine times
// as long to rest as an answer took.
export async function followNode(interval, { answered, failed }) {
  for (;;) {
    await visible();
    const begin = performance.now();
    let answers;
    try {
      answers = await Promise.all([ask('v1/node', answerTime), ask('v1/logs', answerTime)]);
    } catch (error) {
      failed(error);
    }
    if (answers) answered(complete(answers[0]), answers[1]);
    await sleep(Math.max(interval, 9 * (performance.now() - begin)));
  }
}

// EventFeed tells of events as they come. The daemon counts them from its start, so restarted has to
// be called when that is another.
export class EventFeed {
  constructor(interval, { cleared, came }) {
    Object.assign(this, { interval, cleared, came });
    this.restarted();
  }

  restarted() {
    this.since = 0;
    this.hasAsked = false; // the first question is answered at once
    this.cleared();
    this.question?.abort();
  }

  async follow() {
    for (;;) {
      await visible();
      this.question = new AbortController();
      const { signal } = this.question;
      try {
        const seconds = this.hasAsked ? wait : 0;
        const list = await ask(`v1/events?since=${this.since}&wait=${seconds}`, (wait + 15) * 1000, signal);
        if (signal.aborted) continue;
        this.hasAsked = true;
        this.since = list.next;
        this.came(list.events ?? []);
      } catch {
        if (!signal.aborted) await sleep(this.interval);
      }
    }
  }
}
