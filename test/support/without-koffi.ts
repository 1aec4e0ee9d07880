/** Stands for the package `koffi` where it is not installed. */
throw Object.assign(new Error("Cannot find package 'koffi'"), { code: 'ERR_MODULE_NOT_FOUND' });
