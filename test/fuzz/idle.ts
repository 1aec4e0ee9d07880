/** Does nothing, and tells how long its event loop stood still: the noise of the machine. */
import { StallWatch } from './stall-watch.js';

const watch = new StallWatch();
watch.start();
process.on('message', () => {
  const stall = watch.stop();
  process.send?.({ stall });
  watch.start();
});
process.on('disconnect', () => process.exit());
process.send?.({ port: 0 });
