// Loaded into the core by `npm start`: when that is gone without a word (kill -9), the core drains too and frees its port.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
