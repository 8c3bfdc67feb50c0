import {choice, el, setAttribute, setText, svg} from './dom.js'
import {spark} from './chart.js'
import {ago, bits, bytes, many, moment} from './text.js'

// The groups of the dashboard "Groups" in Grafana. A pattern matches the whole name. A device is in the first group that matches.
const groups = [
  ['Media', 'alexa.*|roku.*|.*cast.*|.*tv.*|.*sonos.*'],
  ['Kids', 'kid.*|.*-kid.*|switch.*|playstation.*|xbox.*'],
  ['Phones', '.*phone.*|.*pixel.*|.*galaxy.*|android.*'],
  ['Servers', 'nas.*|.*server.*|.*pi|homeassistant.*|printer.*'],
  ['Cameras', '.*cam.*|.*doorbell.*'],
].map(([name, pattern]) => [name, new RegExp(`^(?:${pattern})$`)])

const calm = 10e3 // milliseconds between two orders by rate
const pointing = 4e3 // milliseconds for which the order stays after the pointer was moved over the list
const chunk = 10 // rows that come and go together while the list is scrolled
const few = 150 // rows of which all are in the document

const scopes = {internet: ['internet', 'lan'], lan: ['lan', 'internet']}
const named = {internet: 'internet', lan: 'LAN'}

// rateOf and bytesOf return [in, out] of a scope.
export const rateOf = (rates, scope) =>
  rates ? [rates[scope + '_in_bytes_per_second'] ?? 0, rates[scope + '_out_bytes_per_second'] ?? 0] : [0, 0]
export const bytesOf = (use, scope) => (use ? [use[scope + '_in_bytes'] ?? 0, use[scope + '_out_bytes'] ?? 0] : [0, 0])
const sum = ([a, b]) => a + b

// nameOf returns the name of a device in two parts: "tv" and ".fritz.box".
export function nameOf(device) {
  const dot = device.source === 'address' ? -1 : device.name.indexOf('.')
  return dot > 0 ? [device.name.slice(0, dot), device.name.slice(dot)] : [device.name, '']
}

// whatOf returns what a device is, as far as it is known.
export function whatOf(device) {
  const kind = device.vendor?.startsWith(device.kind) ? '' : device.kind
  return [kind, device.vendor].filter(Boolean).join(' · ')
}

// seenOf returns when a device was last seen: "3 h ago", or "last seen 28 Nov" if that was before the counting began. It returns
// "" if that is now or not known.
export function seenOf(device, state) {
  if (!device.last_seen) return ''
  if (Date.parse(device.last_seen) < state.started - 1000) return 'last seen ' + moment(device.last_seen, state.now, true)
  const text = ago(device.idle_seconds)
  return text === 'now' ? '' : text
}

// A List is the table of devices. Only the rows in and near the window are in the document, and of these only what has changed is
// written.
export class List {
  #state // of the app: devices, rates, live
  #options
  #rows = new Map() // by key of the item
  #free = [] // rows of devices that were scrolled away, to be used again
  #from = 0 // items from here to #to are in the document
  #to = 0
  #height = 0 // of a row, in pixels
  #items = [] // groups and devices from top to bottom
  #ordered = 0 // when the order was made
  #pointed = -Infinity // when the pointer was moved over the rows
  #scheduled = false
  #body = el('div', {role: 'rowgroup', class: 'body'})
  #head = {}
  #table
  #empty = el('p', {class: 'empty', role: 'status'})
  #search

  // options are {sort, scope, grouped}, and are changed by the list; changed is called then.
  constructor(state, options, changed) {
    this.#state = state
    this.#options = options
    const again = () => {
      changed()
      this.update(true)
    }
    const [sorts, pressSort] = choice(
      'Sort by',
      [
        ['now', 'now'],
        ['today', 'today'],
        ['period', 'this month'],
      ],
      v => {
        options.sort = v
        again()
      },
    )
    const [scopeButtons, pressScope] = choice(
      'Traffic',
      [
        ['internet', 'internet'],
        ['lan', 'LAN'],
      ],
      v => {
        options.scope = v
        again()
      },
    )
    pressSort(options.sort)
    pressScope(options.scope)
    this.#search = el('input', {
      type: 'search',
      placeholder: 'Search',
      'aria-label': 'Search by name, address, MAC, vendor or kind',
      autocomplete: 'off',
      spellcheck: 'false',
      oninput: () => this.update(true),
    })
    const grouping = el(
      'button',
      {
        type: 'button',
        class: 'toggle',
        'aria-pressed': String(options.grouped),
        onclick: () => {
          options.grouped = !options.grouped
          grouping.setAttribute('aria-pressed', options.grouped)
          again()
        },
      },
      'groups',
    )
    const heading = (name, text, number) => {
      this.#head[name] = el('div', {role: 'columnheader', class: name + (number ? ' n' : '')}, text)
      return this.#head[name]
    }
    this.#table = el(
      'div',
      {role: 'table', class: 'devices', 'aria-label': 'Devices'},
      el(
        'div',
        {role: 'rowgroup', class: 'head'},
        el(
          'div',
          {role: 'row', class: 'row', 'aria-rowindex': 1},
          heading('who', 'device'),
          heading('spark', 'last 10 minutes'),
          heading('down', '↓ now', true),
          heading('up', '↑ now', true),
          heading('today', 'today', true),
          heading('period', 'this month', true),
          heading('other', 'LAN', true),
        ),
      ),
      this.#body,
    )
    this.title = el('h2', {}, 'Devices')
    this.node = el(
      'section',
      {class: 'card list', 'aria-label': 'Devices'},
      el('div', {class: 'tools'}, this.title, this.#search, sorts, scopeButtons, grouping),
      this.#table,
      this.#empty,
    )
    this.#body.addEventListener('pointermove', () => {
      this.#pointed = performance.now()
    })
    addEventListener('scroll', () => this.#schedule(), {passive: true})
    new ResizeObserver(() => {
      this.#height = 0
      this.#schedule()
    }).observe(this.#body)
  }

  #schedule() {
    if (this.#scheduled || !this.node.isConnected) return
    this.#scheduled = true
    requestAnimationFrame(() => {
      this.#scheduled = false
      this.#paint(false, this.#body.getBoundingClientRect().top)
    })
  }

  // update shows the current state. The order changes by itself only from time to time, and not while somebody points at a row.
  update(now) {
    if (!this.node.isConnected) return
    const at = performance.now(),
      top = this.#body.getBoundingClientRect().top // read before anything is written
    const busy = at - this.#pointed < pointing || this.#body.querySelector(':focus-visible') !== null
    if (now || (!busy && at - this.#ordered > calm)) {
      this.#ordered = at
      this.#arrange()
    }
    this.#paint(true, top)
  }

  // moved returns what a device moves, in the unit by which the list is sorted.
  #moved(device) {
    const {sort, scope} = this.#options
    return sum(sort === 'now' ? rateOf(this.#state.ratesOf(device), scope) : bytesOf(device[sort], scope))
  }

  #arrange() {
    const {sort, scope, grouped} = this.#options
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean)
    const found = this.#state.devices.filter(d => words.every(w => d.haystack.includes(w)))
    const keyed = found.map(d => ({
      device: d,
      moved: this.#moved(d),
      period: sum(bytesOf(d.period, scope)),
      last: d.last_seen ?? '',
    }))
    keyed.sort(
      (a, b) =>
        b.moved - a.moved ||
        b.period - a.period ||
        (a.last < b.last ? 1 : a.last > b.last ? -1 : 0) ||
        (a.device.name < b.device.name ? -1 : 1),
    )
    this.largest = Math.max(1, ...keyed.map(k => (sort === 'now' ? 1 : k.moved)))
    const rows = keyed.map(k => ({key: k.device.id, device: k.device}))
    this.#items = grouped ? this.#group(rows) : rows
    const [own, other] = scopes[scope]
    setText(this.#head.other, named[other] + (sort === 'period' ? ' this month' : ' today'))
    setAttribute(this.#table, 'data-sort', sort)
    setAttribute(this.#table, 'data-scope', own)
    for (const name of ['down', 'today', 'period']) {
      setAttribute(this.#head[name], 'aria-sort', name === (sort === 'now' ? 'down' : sort) ? 'descending' : null)
    }
    this.#table.setAttribute('aria-rowcount', this.#items.length + 1)
    const all = this.#state.devices.length
    setText(this.title, found.length === all ? many(all, 'device') : `${found.length} of ${many(all, 'device')}`)
    const nothing = all === 0 ? 'No device has been seen yet.' : found.length === 0 ? 'No device matches the search.' : ''
    setText(this.#empty, nothing)
    this.#empty.hidden = nothing === ''
  }

  // group puts the rows below headings.
  #group(rows) {
    const items = []
    const rest = new Set(rows)
    for (const [name, pattern] of [...groups, ['Others', /^/]]) {
      const members = [...rest].filter(r => pattern.test(r.device.name))
      members.forEach(r => rest.delete(r))
      if (members.length > 0) items.push({key: 'group ' + name, name, members: members.map(r => r.device)}, ...members)
    }
    return items
  }

  // reach returns the items from and to which rows must be in the document: all, or those in and near the window. top is where
  // the first item is in the window.
  #reach(top) {
    const count = this.#items.length
    if (count <= few) return [0, count]
    this.#height ||=
      parseFloat(getComputedStyle(this.#table).getPropertyValue('--row')) *
      parseFloat(getComputedStyle(document.documentElement).fontSize)
    const near = pixels => Math.max(0, Math.min(count, Math.floor(pixels / this.#height / chunk) * chunk))
    return [near(-top - (chunk / 2) * this.#height), near(innerHeight - top + 1.5 * chunk * this.#height)]
  }

  // paint puts rows into the document. With all, it also writes what has changed in those that were there.
  #paint(all, top) {
    const [from, to] = this.#reach(top)
    if (!all && from === this.#from && to === this.#to) return
    this.#from = from
    this.#to = to
    const wanted = this.#items.slice(from, to),
      keys = new Set(wanted.map(i => i.key))
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue
      row.node.remove()
      this.#rows.delete(key)
      if (row instanceof Row) this.#free.push(row)
    }
    let next = this.#body.firstChild
    wanted.forEach((item, i) => {
      let row = this.#rows.get(item.key)
      const fresh = !row
      if (fresh) {
        row = item.device ? (this.#free.pop() ?? new Row()) : new Heading()
        this.#rows.set(item.key, row)
      }
      if (fresh || all) row.show(item, this.#state, this.#options, this.largest)
      if (row.node === next) next = next.nextSibling
      else this.#body.insertBefore(row.node, next)
      setAttribute(row.node, 'aria-rowindex', from + i + 2)
    })
    this.#free.length = Math.min(this.#free.length, chunk)
    if (to - from === this.#items.length) this.#body.style.padding = ''
    else this.#body.style.padding = `${from * this.#height}px 0 ${(this.#items.length - to) * this.#height}px`
  }

  // focusOn puts the focus on a device, if it is in the document.
  focusOn(id) {
    this.#rows.get(id)?.link.focus({preventScroll: true})
  }
}

// numbers makes the cells for what a device or a group moves.
const numbers = () =>
  Object.fromEntries(
    ['down', 'up', 'today', 'period', 'other'].map(name => [name, el('div', {role: 'cell', class: name + ' n'})]),
  )

// showNumbers writes what devices move together.
function showNumbers(cells, devices, state, {sort, scope}) {
  const total = pair =>
    devices.reduce(
      ([a, b], d) => {
        const [x, y] = pair(d)
        return [a + x, b + y]
      },
      [0, 0],
    )
  const [down, up] = total(d => rateOf(state.ratesOf(d), scope))
  const [, other] = scopes[scope]
  const rate = v => (state.live && v > 0 ? bits(v) : '–')
  const moved = pair => (sum(pair) > 0 ? bytes(sum(pair)) : '–')
  setText(cells.down, rate(down))
  setText(cells.up, rate(up))
  cells.down.classList.toggle('none', !(state.live && down > 0))
  cells.up.classList.toggle('none', !(state.live && up > 0))
  const uses = {
    today: total(d => bytesOf(d.today, scope)),
    period: total(d => bytesOf(d.period, scope)),
    other: total(d => bytesOf(sort === 'period' ? d.period : d.today, other)),
  }
  for (const name of Object.keys(uses)) {
    setText(cells[name], moved(uses[name]))
    cells[name].classList.toggle('none', sum(uses[name]) === 0)
  }
  return uses
}

// A Heading is the row of a group.
class Heading {
  #cells = numbers()
  #name = el('b')
  #count = el('span', {class: 'count'})
  node = el(
    'div',
    {role: 'row', class: 'row group'},
    el('div', {role: 'rowheader', class: 'who'}, this.#name, this.#count),
    el('div', {role: 'cell', class: 'spark'}),
    Object.values(this.#cells),
  )

  show(item, state, options) {
    setText(this.#name, item.name)
    setText(this.#count, ' ' + many(item.members.length, 'device'))
    showNumbers(this.#cells, item.members, state, options)
  }
}

// A Row is the row of a device.
class Row {
  #cells = numbers()
  #short = el('span', {class: 'short'})
  #domain = el('span', {class: 'domain'})
  #what = el('span', {class: 'what'})
  #received = svg('path', {class: 'in'})
  #sent = svg('path', {class: 'out'})
  #spark = svg('svg', {viewBox: '0 0 100 24', preserveAspectRatio: 'none', 'aria-hidden': 'true'}, this.#received, this.#sent)
  #seen = el('span', {class: 'seen'})
  #recent // that is drawn
  #style // of the bar
  link = el('a', {class: 'name'}, this.#short, this.#domain)
  node = el(
    'div',
    {role: 'row', class: 'row'},
    el('div', {role: 'rowheader', class: 'who'}, this.link, this.#what),
    el('div', {role: 'cell', class: 'spark'}, this.#spark, this.#seen),
    Object.values(this.#cells),
  )

  show({device}, state, options, largest) {
    const {sort} = options
    const [short, domain] = nameOf(device)
    setText(this.#short, short)
    setText(this.#domain, domain)
    setAttribute(this.link, 'href', '#/device/' + device.id)
    setText(this.#what, [whatOf(device), device.addresses?.find(a => a !== device.name)].filter(Boolean).join(' · '))
    this.#showRecent(device, state)
    const uses = showNumbers(this.#cells, [device], state, options)
    const bar = sort === 'now' ? [0, 0] : uses[sort]
    const share = n => ((100 * n) / largest).toFixed(1) + '%'
    const style = `--in: ${share(bar[0])}; --all: ${share(sum(bar))}`
    if (this.#style === style) return
    this.#style = style
    this.node.style.setProperty('--in', share(bar[0]))
    this.node.style.setProperty('--all', share(sum(bar)))
  }

  // showRecent draws the last ten minutes, or says when the device was last seen.
  #showRecent(device, state) {
    if (this.#recent !== device.recent) {
      this.#recent = device.recent
      const [received, sent] = spark(
        device.recent?.internet_in_bytes_per_second ?? [],
        device.recent?.internet_out_bytes_per_second ?? [],
      )
      setAttribute(this.#received, 'd', received)
      setAttribute(this.#sent, 'd', sent)
      this.drawn = received !== ''
    }
    this.#spark.classList.toggle('hidden', !this.drawn)
    setText(this.#seen, this.drawn ? '' : seenOf(device, state))
  }
}
