# SPDX-License-Identifier: GPL-3.0-or-later
# For Debian's cross compiler, with libraries in a sysroot of their own: see tools/cross/aarch64.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

# CMake's own small trials read this file again.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MAILRACE_SYSROOT)
set(CMAKE_FIND_ROOT_PATH ${MAILRACE_SYSROOT} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
# Headers of libraries that have nothing else, and no CMake package that we ask for.
add_compile_options(-isystem ${MAILRACE_SYSROOT}/usr/include)
# Where the libraries are that our libraries need.
add_link_options(-Wl,-rpath-link,${MAILRACE_SYSROOT}/usr/lib/aarch64-linux-gnu)

# Emulated in user mode, all that needs no io_uring can be run.
set(CMAKE_CROSSCOMPILING_EMULATOR
    qemu-aarch64-static -L /usr/aarch64-linux-gnu
    -E LD_LIBRARY_PATH=${MAILRACE_SYSROOT}/usr/lib/aarch64-linux-gnu)
