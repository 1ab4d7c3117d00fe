// structured-headers names this type of the DOM library, which the project leaves out so that nothing of a browser is used by accident.
type BufferSource = ArrayBufferView | ArrayBuffer;
