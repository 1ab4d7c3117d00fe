/** The names of the DOM library that playwright-core's types use; the project leaves that library out, so that nothing of a browser is used by accident. */
interface Node {}
interface HTMLElement {}
interface SVGElement {}
interface HTMLElementTagNameMap {}
