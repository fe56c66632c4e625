// A page opened from disk may start no Worker: this one runs its script in a hidden frame instead. For the site's search.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.onmessage = this.onerror = null;
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      this.inside = frame.contentWindow;
      this.waiting = [];
      this.inside.outside = this;
      const page = this.inside.document;
      page.open();
      page.write(
        "<!doctype html><body><script>" +
          "postMessage = data => outside.tell(data);" +
          "importScripts = (...urls) => urls.reduce((before, url) => before.then(() => new Promise(done => {" +
          "const script = document.createElement('script'); script.src = url; script.onload = done;" +
          "document.body.appendChild(script) })), Promise.resolve());" +
          "<\/script><script src=\"" + new URL(url, location.href).href + "\" onload=\"outside.begin()\"><\/script></body>"
      );
      page.close();
    }
    begin() {
      const waiting = this.waiting;
      this.waiting = null;
      waiting.forEach(data => this.postMessage(data));
    }
    tell(data) {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      if (this.onmessage) this.onmessage(event);
    }
    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.inside.dispatchEvent(new MessageEvent("message", { data }));
    }
    terminate() {}
  };
}
