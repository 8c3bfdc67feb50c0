// The page with JavaScript: what the network moves now, today and this month, and which devices move it. It reads the API
// (docs/api.md).

import {Live} from './chart.js'
import {DevicePage, History} from './device.js'
import {el, setText, svg} from './dom.js'
import {bytesOf, List, nameOf, rateOf} from './list.js'
import {bits, bytes, clock, many, moment, percent, periodName, setZone, tick, toWall} from './text.js'

const silence = 12e3 // milliseconds without an event after which the stream counts as broken
const patience = 5e3 // milliseconds for which a hidden page stays connected
const longest = 30e3 // milliseconds between two attempts to connect

const sum = ([a, b]) => a + b

// state is what the page knows of the network. Lists and pages read it.
const state = {
  devices: [],
  byId: new Map(),
  rates: new Map(),
  network: {},
  status: {},
  usage: {},
  live: false,
  started: 0, // when the counting began, in milliseconds
  offset: 0, // of the clock of the server to that of the browser, in milliseconds
  get now() {
    return Date.now() + this.offset
  },
  ratesOf(device) {
    return this.rates.get(device.id)
  },
}

const options = Object.assign({sort: 'now', scope: 'internet', grouped: false}, stored())

function stored() {
  try {
    return JSON.parse(localStorage.getItem('gonetmon')) ?? {}
  } catch {
    return {} // no storage, or not ours
  }
}

function store() {
  try {
    localStorage.setItem('gonetmon', JSON.stringify(options))
  } catch {
    /* no storage: the choice lasts as long as the page */
  }
}

// get fetches an answer of the API. It returns null for status 404.
async function get(path) {
  const answer = await fetch('/api/v1/' + path, {signal: AbortSignal.timeout(15e3)})
  if (answer.status === 404) return null
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  return answer.json()
}

// An Overview is the first screen.
class Overview {
  #chart = new Live('Internet traffic of the last ten minutes')
  #down = el('span', {class: 'down'})
  #up = el('span', {class: 'up'})
  #lan = el('p', {class: 'note'})
  #today = {
    big: el('p', {class: 'big'}),
    note: el('p', {class: 'note'}),
    lan: el('p', {class: 'note'}),
    course: el('p', {class: 'course'}),
  }
  #period = {
    heading: el('h2', {}, 'This month'),
    span: el('span', {class: 'span'}),
    big: el('p', {class: 'big'}),
    note: el('p', {class: 'note'}),
    lan: el('p', {class: 'note'}),
    cap: el('div', {class: 'cap', role: 'img', hidden: true}, el('i'), el('b')),
    course: el('p', {class: 'course'}),
  }
  #standby = el('ol')
  #standbyCard
  #history = new History(options.scope, v => {
    options.scope = v
    store()
  })
  list = new List(state, options, store)

  constructor() {
    const {heading, span, big, note, lan, cap, course} = this.#period
    heading.append(' ', span)
    this.#standbyCard = el(
      'section',
      {class: 'card standby', 'aria-label': 'Standby', hidden: true},
      el('h2', {}, 'Standby ', el('span', {class: 'span'}, 'internet traffic while idle, last 3 days')),
      this.#standby,
    )
    this.node = el(
      'div',
      {class: 'overview'},
      el('h1', {class: 'hidden'}, 'The network'),
      el(
        'section',
        {class: 'card now', 'aria-label': 'Internet now'},
        el('div', {class: 'top'}, el('h2', {}, 'Internet now'), el('p', {class: 'big rates'}, this.#down, this.#up), this.#lan),
        this.#chart.node,
      ),
      el(
        'section',
        {class: 'card today', 'aria-label': 'Today'},
        el('h2', {}, 'Today'),
        this.#today.big,
        this.#today.note,
        this.#today.lan,
        this.#today.course,
      ),
      el('section', {class: 'card period', 'aria-label': 'This month'}, heading, big, note, lan, cap, course),
      this.#standbyCard,
      this.list.node,
      this.#history.node,
    )
  }

  focus(id) {
    this.list.focusOn(id)
  }

  // loaded takes the recent traffic of the network, and shows all that has changed.
  loaded(history) {
    if (!state.live) this.#chart.start(state.network.recent)
    this.#history.set(history ?? {}, state.now)
    this.#showUse()
    this.#showStandby()
    this.update(true)
  }

  // rates adds a point to the chart.
  rates(time, rates) {
    this.#chart.add(Date.parse(time), rateOf(rates, 'internet'))
    this.update(false)
  }

  update(now) {
    this.list.update(now)
    this.#showNow()
  }

  #showNow() {
    const {live, network} = state
    const [down, up] = rateOf(network.rates, 'internet')
    setText(this.#down, live ? bits(down) : '–')
    setText(this.#up, live ? bits(up) : '–')
    setText(this.#lan, live ? `LAN ${bits(rateOf(network.rates, 'lan')[1])}` : '')
    this.#chart.show(live ? state.now : null)
  }

  #showUse() {
    const {network, usage} = state
    for (const [name, card] of [
      ['today', this.#today],
      ['period', this.#period],
    ]) {
      const internet = bytesOf(network[name], 'internet')
      setText(card.big, bytes(sum(internet)))
      card.note.replaceChildren(el('span', {class: 'down'}, bytes(internet[0])), el('span', {class: 'up'}, bytes(internet[1])))
      setText(card.lan, 'LAN ' + bytes(bytesOf(network[name], 'lan')[1])) // what each device sends there: each packet once
    }
    const period = usage.period
    if (!period) return
    const counted = ({start}) =>
      Date.parse(usage.since) > Date.parse(start) + 3600e3 && 'counted since ' + moment(usage.since, state.now)
    setText(this.#today.course, counted(usage.today) || '')
    const {cap, course, span} = this.#period
    setText(span, periodName(period))
    const used = sum(bytesOf(network.period, 'internet')),
      limit = period.cap_bytes ?? 0,
      projected = period.projected_bytes ?? 0
    cap.hidden = !limit
    const words = [projected > 0 && 'heading for ' + bytes(projected), many(period.days_left, 'day') + ' left']
    if (limit) {
      cap.className = 'cap' + (used > limit ? ' over' : projected > limit ? ' near' : '')
      cap.firstChild.style.width = Math.min(100, (100 * used) / limit) + '%'
      cap.lastChild.style.left = Math.min(100, (100 * projected) / limit) + '%'
      cap.lastChild.hidden = projected <= used
      cap.setAttribute('aria-label', `${percent(used, limit)} of the data cap used`)
      words.unshift(`${percent(used, limit)} of ${tick(limit, 'B')}`)
    }
    words.push(counted(period))
    setText(course, words.filter(Boolean).join(' · '))
  }

  #showStandby() {
    const worst = state.devices
      .filter(d => d.standby_bytes > 0)
      .sort((a, b) => b.standby_bytes - a.standby_bytes)
      .slice(0, 3)
    this.#standbyCard.hidden = worst.length === 0
    this.#standby.replaceChildren(
      ...worst.map(d =>
        el('li', {}, el('a', {href: '#/device/' + d.id}, nameOf(d)[0]), el('span', {class: 'n'}, bytes(d.standby_bytes))),
      ),
    )
  }
}

// The frame of the page.

const icon = svg(
  'svg',
  {viewBox: '0 0 16 16', 'aria-hidden': 'true'},
  svg('rect', {width: 16, height: 16, rx: 4}),
  svg('path', {d: 'M4 12V8M8 12V4M12 12V6.5'}),
)
const light = el('span', {class: 'light', role: 'status'})
const time = el('time', {class: 'clock'})
const notices = el('section', {class: 'notices', 'aria-label': 'Problems', hidden: true})
const main = el('main')
const kept = el(
  'p',
  {class: 'kept', hidden: true},
  'Nothing is kept over a restart: set GONETMON_STATE_DIR to keep names and usage.',
)
const version = el('span', {}, 'gonetmon')
const overview = new Overview()
let page // that is shown: a DevicePage, or overview
let scrolled = 0 // of the list, while a device is shown

document.body.replaceChildren(
  el('header', {}, el('a', {class: 'brand', href: '#'}, icon, 'gonetmon'), light, time),
  notices,
  main,
  el(
    'footer',
    {},
    kept,
    el(
      'p',
      {},
      version,
      ' · ',
      el('a', {href: '/?sort=total'}, 'capture in detail'),
      ' · ',
      el('a', {href: '/metrics'}, 'metrics'),
    ),
  ),
)

function showStatus() {
  const {status, live} = state
  const all = status.notices ?? []
  const bad = all.some(n => n.bad)
  const unready = bad ? [] : (status.not_ready ?? [])
  const store = status.store ?? {}
  const rows = [...all, ...unready.map(text => ({bad: true, text}))]
  if (store.error) rows.push({bad: true, text: 'Usage cannot be saved: ' + store.error})
  rows.sort((a, b) => Boolean(b.bad) - Boolean(a.bad))
  const key = JSON.stringify(rows)
  if (notices.dataset.key !== key) {
    notices.dataset.key = key
    notices.hidden = rows.length === 0
    notices.replaceChildren(
      ...rows.map(n =>
        el(
          'div',
          {class: n.bad ? 'notice bad' : 'notice', role: n.bad ? 'alert' : 'note'},
          el('strong', {}, n.text),
          ' ',
          n.hint,
        ),
      ),
    )
  }
  kept.hidden = store.kept !== false
  setText(version, 'gonetmon ' + (status.version ?? ''))
  const words = !live
    ? connection.since
      ? 'not connected since ' + clock(toWall(connection.since))
      : 'connecting …'
    : (status.health?.text ?? '')
  setText(light, words)
  document.body.classList.toggle('stale', !live && connection.since > 0)
  const grade = rows.some(n => n.bad) ? 'bad' : rows.length > 0 || status.health?.state !== 'all_heard' ? 'warn' : 'good'
  light.className = 'light ' + (live ? grade : 'gone')
  setText(time, live ? clock(toWall(state.now)) : '')
}

function showTitle() {
  const [down, up] = rateOf(state.network.rates, 'internet')
  const rates = state.live ? `↓ ${bits(down)} ↑ ${bits(up)} · ` : ''
  const text = (page === overview ? rates : page.name + ' · ') + 'gonetmon'
  if (document.title !== text) document.title = text
}

// route shows the page that the address names.
function route() {
  const id = Number(location.hash.match(/^#\/device\/(\d+)$/)?.[1])
  const before = page
  if (page === overview) scrolled = scrollY
  page = id ? new DevicePage(id, state, options, store) : overview
  main.replaceChildren(page.node)
  if (id) {
    scrollTo(0, 0)
    if (before) page.focus()
    if (connection.opened) page.load(get).catch(() => {})
  } else {
    overview.update(true)
    scrollTo(0, scrolled)
    if (before) overview.focus(before.id)
  }
  showTitle()
}

// setClock sets the offset to the clock of the server from a time of the API, which has whole seconds.
function setClock(text) {
  const offset = Date.parse(text) - Date.now()
  if (Math.abs(offset - state.offset) > 2000) state.offset = offset
}

// load fetches all that is shown.
async function load() {
  const [status, devices, usage, history] = await Promise.all([get('status'), get('devices'), get('usage'), get('history')])
  setClock(devices.time)
  setZone(devices.time)
  state.status = status
  state.started = Date.parse(devices.started)
  state.usage = usage
  state.devices = devices.devices
  for (const d of state.devices) d.haystack = [d.name, d.mac, d.vendor, d.kind, ...(d.addresses ?? [])].join(' ').toLowerCase()
  state.byId = new Map(state.devices.map(d => [d.id, d]))
  state.network = {...devices.network, rates: state.live ? state.network.rates : devices.network.rates}
  if (!state.live) state.rates = new Map(state.devices.filter(d => d.active).map(d => [d.id, d.rates]))
  overview.loaded(history)
  if (page !== overview) await page.load(get)
  showStatus()
}

// stream hands the events of the API to a func: by the worker that all pages share, or without one directly.
const stream = {
  worker: null,
  source: null,

  open(heard) {
    if (!window.SharedWorker) {
      this.source = new EventSource('/api/v1/stream')
      for (const name of ['rates', 'devices', 'error']) this.source.addEventListener(name, e => heard(name, e.data))
      return
    }
    this.worker ??= new SharedWorker('/assets/stream.js').port
    this.worker.onmessage = ({data}) => heard(data.name, data.data)
    this.worker.postMessage('open')
  },

  close() {
    this.source?.close()
    this.worker?.postMessage('close')
    if (this.worker) this.worker.onmessage = null
  },
}

// connection keeps the stream open. When it ends, it is opened again, after a while that grows.
const connection = {
  opened: false,
  since: 0,
  wait: 1000,
  timer: 0,
  watch: 0,

  async open() {
    clearTimeout(this.timer)
    this.close()
    this.opened = true
    try {
      await load()
    } catch {
      if (this.opened) this.lost()
      return
    }
    if (!this.opened) return // it was closed meanwhile
    this.heard()
    stream.open((name, data) => {
      if (name === 'error') return this.lost()
      this.heard()
      if (name === 'devices') return load().catch(() => {})
      this.rates(JSON.parse(data))
    })
  },

  rates({time: at, network, devices}) {
    const first = !state.live
    state.live = true
    this.since = 0
    this.wait = 1000
    setClock(at)
    state.network.rates = network
    state.rates = new Map(devices.map(d => [d.id, d]))
    overview.rates(at, network)
    if (page !== overview) page.rates(at)
    if (first) overview.update(true)
    showStatus()
    showTitle()
  },

  // heard restarts the time after which the stream counts as broken.
  heard() {
    clearTimeout(this.watch)
    this.watch = setTimeout(() => this.lost(), silence)
  },

  // close ends the stream. From then on what is shown is not live.
  close() {
    clearTimeout(this.timer)
    clearTimeout(this.watch)
    stream.close()
    this.opened = false
    state.live = false
    overview.update(false)
    if (page !== overview) page.update()
    showStatus()
    showTitle()
  },

  // lost says that there is no connection, and tries again.
  lost() {
    this.since ||= state.now
    this.close()
    this.timer = setTimeout(() => this.open(), this.wait * (0.75 + Math.random() / 2))
    this.wait = Math.min(longest, 2 * this.wait)
  },
}

// A hidden page closes its connection.
let hiding = 0
document.addEventListener('visibilitychange', () => {
  clearTimeout(hiding)
  if (document.hidden) {
    hiding = setTimeout(() => connection.close(), patience)
  } else if (!connection.opened) {
    connection.wait = 1000
    connection.open()
  }
})
addEventListener('pagehide', () => connection.close())
addEventListener('pageshow', e => {
  if (e.persisted) connection.open()
})

addEventListener('hashchange', route)
route()
connection.open()
