// Making and changing elements. Text from the network only ever becomes a text node or the value of a harmless attribute.

const namespace = 'http://www.w3.org/2000/svg'

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value)
    else if (value === true) node.setAttribute(name, '')
    else if (value !== false && value != null) node.setAttribute(name, value)
  }
  node.append(...children.flat().filter(c => c != null && c !== false))
  return node
}

// el makes an element of HTML. A function is a listener: {onclick: f}.
export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children)

// svg makes an element of SVG.
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(namespace, tag), attributes, children)

// setText changes the text of an element if it differs.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

// setAttribute changes an attribute if it differs; null removes it.
export function setAttribute(node, name, value) {
  if (value == null) node.removeAttribute(name)
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value)
}

// choice makes a row of buttons of which one is pressed. chosen is called with its value, and so is the function that it returns
// with the element, to press another.
export function choice(label, options, chosen) {
  const buttons = options.map(([value, text]) =>
    el(
      'button',
      {
        type: 'button',
        'data-value': value,
        onclick: () => {
          press(value)
          chosen(value)
        },
      },
      text,
    ),
  )
  const press = value => buttons.forEach(b => b.setAttribute('aria-pressed', b.dataset.value === value))
  return [el('div', {class: 'choice', role: 'group', 'aria-label': label}, buttons), press]
}
