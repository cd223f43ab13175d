# SPDX-License-Identifier: GPL-3.0-or-later
# A Debian package; `tools/package/build` makes it.
set(package ${PROJECT_SOURCE_DIR}/tools/package)
set(doc usr/share/doc/mailrace)

# What there is to be installed is built by name; tests and benchmarks are not.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)

install(TARGETS mailrace RUNTIME DESTINATION usr/sbin)
install(FILES ${package}/mailrace.service DESTINATION lib/systemd/system)
# mailrace@a and mailrace@b take the place of each other.
file(READ ${package}/mailrace.service unit)
string(REPLACE "mailrace.toml\n" "mailrace.toml --take-over\n" unit "${unit}")
file(WRITE ${PROJECT_BINARY_DIR}/mailrace@.service "${unit}")
install(FILES ${PROJECT_BINARY_DIR}/mailrace@.service DESTINATION lib/systemd/system)
install(FILES ${package}/mailrace.sysusers DESTINATION usr/lib/sysusers.d RENAME mailrace.conf)
install(FILES ${package}/mailrace.tmpfiles DESTINATION usr/lib/tmpfiles.d RENAME mailrace.conf)
install(FILES ${package}/mailrace.toml DESTINATION etc/mailrace)
install(FILES ${package}/mailrace.sysctl DESTINATION ${doc}/examples RENAME 90-mailrace.conf)
install(FILES ${package}/seccomp.json DESTINATION ${doc}/examples)
install(FILES ${package}/grafana.json DESTINATION ${doc}/examples)
install(FILES ${package}/copyright README.md spool/FORMAT.md net/TLS.md net/METRICS.md
        DESTINATION ${doc})

# Policy wants a changelog, compressed and without a time of its own.
set(changelog ${PROJECT_BINARY_DIR}/changelog)
file(WRITE ${changelog} "mailrace (${PROJECT_VERSION}) unstable; urgency=medium

  * See the history of the source.

 -- The mailrace authors <mailrace@example.org>  Wed, 25 Nov 2026 00:00:00 +0000
")
file(WRITE ${changelog}.command "gzip -9n <${changelog} >${changelog}.gz")
execute_process(COMMAND sh ${changelog}.command COMMAND_ERROR_IS_FATAL ANY)
install(FILES ${changelog}.gz DESTINATION ${doc})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_NAME mailrace)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The mailrace authors <mailrace@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "front-line inbound mail server (MX)")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Takes mail by SMTP on a thread per core with io_uring, and says 250 when it is
on stable storage. Mail is kept in append-only segments, to be handed off by
consumers.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
    "systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${package}/postinst ${package}/prerm ${package}/postrm ${package}/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
