console.log('soon')
export {}
